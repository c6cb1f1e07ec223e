"""Call traces of every era to function names, and the choice of the function that names a report."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

Resolve = Callable[[int], str | None]
"""Address to function name, from a System.map: for traces of 2.5 without kallsyms that hold addresses only."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One entry of a call trace."""

    function: str
    trusted: bool
    """False for the ``? function`` entries: left on the stack by an earlier call, not part of this one."""


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Functions that do not name a report although they stand on top of its trace."""

    functions: str
    """Regular expression that matches the whole name."""
    reason: str


IDLE = PassedOver(
    r"(?:native_|default_|poll_|mwait_|acpi_|amd_e400_|cpuidle_|intel_|c1e_|arch_cpu_|pv_native_|"
    r"do_)?(?:safe_halt|idle\w*|halt)|"
    r"cpu_idle\w*|cpu_startup_entry|call_cpuidle|do_idle|rest_init|start_secondary|start_kernel|x86_64_start_\w+|"
    r"secondary_startup_64\w*|cpuidle_\w+|acpi_(?:idle|processor)_\w+|default_enter_idle|arch_cpu_idle|"
    r"arch_call_rest_init|cpu_bringup_and_idle",
    "an idle CPU: another one is meant",
)

PLUMBING: tuple[PassedOver, ...] = (
    PassedOver(
        r"_*dump_stack(?:_lvl|_print_info)?|show_(?:stack|trace|regs|registers)\w*|_?_?show_(?:stack|trace)|"
        r"print_context_stack|"
        r"dump_trace|show_fault_oops|__dump_\w+|nmi_(?:cpu_backtrace|trigger_cpumask_backtrace)\w*|"
        r"arch_trigger_\w+backtrace\w*|trigger_(?:all_cpu|single_cpu)_backtrace|rcu_dump_cpu_stacks|"
        r"_?sched_show_task|nmi_raise_cpu_backtrace",
        "prints the trace",
    ),
    PassedOver(
        r"_*warn_(?:slowpath\w*|on_slowpath|alloc(?:_failed|_show_mem)?)|__warn(?:_printk)?|report_bug|"
        r"handle_bug|fixup_bug|early_(?:idt_handler\w*|fixup_exception|exception)|do_early_exception|"
        r"warn_bogus_irq_restore|__report_bug|do_error_trap|do_trap\w*|do_invalid_op|exc_\w+|asm_exc_\w+|"
        r"invalid_op|die\w*|__die\w*|"
        r"oops_(?:begin|end)|panic|nmi_panic|vpanic|check_panic_on_warn|bust_spinlocks|no_context|"
        r"__bad_area\w*|bad_area\w*|"
        r"page_fault_oops|__panic|panic_saved_regs|panic_bad_stack|kernelmode_fixup_or_oops|(?:__)?do_page_fault|do_user_addr_fault|do_kern_addr_fault|"
        r"page_fault|async_page_fault|general_protection|do_general_protection|do_divide_error|divide_error|"
        r"error_code|error_exit|error_entry|"
        r"do_int3|int3|double_fault|do_double_fault|nmi|do_nmi|default_do_nmi|end_repeat_nmi|nmi_handle|"
        r"nmi_restore|asm_exc_nmi",
        "turns a trap or a WARN into the report",
    ),
    PassedOver(
        r"lockdep_\w+|lock_(?:acquire|release|acquired|is_held\w*|commit)|__lock_\w+|_*print_(?:circular|"
        r"deadlock|irq|bad_irq|usage|unlock|lock|freed)\w*|"
        r"check_(?:noncircular|deadlock|prev_add|prevs_add|usage\w*|irq_usage|chain_key|flags|lock_unlock|"
        r"wait_context|no_locks_freed)\w*|"
        r"mark_(?:lock\w*|held_locks|usage)|validate_chain|__debug_show_\w+|debug_(?:show|check)\w*(?:locks|freed)\w*|"
        r"valid_state|register_lock_class|assign_lock_key|look_up_lock_class|trace_hard\w+|trace_soft\w+|"
        r"sys_exit_lockdep|"
        r"rcu_lockdep_\w+|rcu_(?:preempt_)?sleep_check|rcu_read_lock_(?:sched_|bh_)?held\w*|debug_lockdep_rcu_enabled|find_usage_\w+|"
        r"rcu_note_context_switch|add_lock_to_list|save_trace|hlock_class|reacquire_held_locks|lock_set_class\w*|lock_(?:pin|unpin)_lock|"
        r"find_held_lock|match_held_lock|task_lock_release",
        "lockdep's own code",
    ),
    PassedOver(
        r"create_object|kmemleak_\w+|_*kasan_\w+|__asan_\w+|kmsan_\w+|__msan_\w+|kcsan_\w+|__tsan_\w+|kfence_\w+|__kfence\w*|__ubsan_\w+|"
        r"ubsan_\w+|"
        r"check_memory_region\w*|check_region_inline|print_(?:report|address_description|error_description)|"
        r"handle_overflow|val_to_string|describe_\w+|end_report",
        "a memory debugger's own code",
    ),
    PassedOver(
        r"__hwasan_\w+|preempt_count_(?:add|sub)|rcu_is_watching|__sanitizer_\w+|sanitizer_cov_\w+|write_comp_data|check_kcov_mode|canonicalize_ip|msan_get_shadow\w*|"
        r"__fentry__|__x86_(?:indirect_thunk|indirect_call|return_thunk)\w*|(?:srso|retbleed|zen)_\w*(?:thunk|untrain)\w*|"
        r"_*mcount\w*",
        "what the compiler puts into every function",
    ),
    PassedOver(
        r"_*unwind_(?:next_frame|backtrace|start|get_\w+|dump)|unwind_frame|arch_stack_walk\w*|walk_stackframe|stack_access_ok|"
        r"is_bpf_text_address|_*kernel_text_address|is_(?:ftrace_trampoline|module_text_address|kprobe_\w+)|"
        r"get_stack_info\w*|in_task_stack|dump_backtrace\w*|deref_stack_\w+|__read_once_word_nocheck|"
        r"filter_irq_stacks|stack_depot_\w+|__stack_depot_\w+|orc_find|__orc_find|update_stack_state|__save_stack_trace",
        "reads the stack for somebody's trace",
    ),
    PassedOver(
        r"_*debug_object_\w+|debug_print_object|_*debug_check_no_obj_freed|lookup_object\w*|"
        r"(?:timer|hrtimer|work|rcuhead|percpu_counter)_is_static_object|debug_(?:timer|hrtimer|work|rcu_head)_\w+",
        "DEBUG_OBJECTS' own code: who uses the object is meant",
    ),
    PassedOver(
        r"usercopy_\w+|__check_(?:object_size|heap_object)|check_(?:stack|heap|kernel_text|page_span|bogus)_\w+|"
        r"report_usercopy|__fortify_\w+|skb_(?:under_|over_)?panic|assertfail|_*reiserfs_panic|rust_helper_BUG|"
        r"rust_begin_unwind|"
        r"check_timer_failed|__do_kernel_fault|do_(?:translation|alignment|bad|tag_check|kernel|DataAbort|mem|"
        r"Prefetch)\w*(?:fault|abort|Abort|area)?|die_kernel_fault|el[01]h?_\w+|bad_mode|__(?:dabt|pabt|und)_\w+|"
        r"arm_notify_die|(?:brk|bug|debug_exception)_handler|call_break_hook|do_debug_exception|ret_from_exception",
        "asserts for somebody, or reports the trap on machines other than x86",
    ),
    PassedOver(
        r"_*might_(?:sleep|resched|fault|lock\w*)|__schedule_bug|schedule_debug|debug_smp_processor_id|"
        r"check_preemption_disabled|"
        r"__this_cpu_preempt_check|spin_(?:bug|dump)|do_raw_(?:spin|read|write)_\w+|_raw_spin_\w+bug|rwlock_bug|_debug_\w+|"
        r"__spin_lock_debug",
        "the check that found the wrong context or the wrong lock",
    ),
    PassedOver(
        r"bad_page\w*|free_page_is_bad\w*|check_free_page\w*|free_pages_check\w*|check_new_page\w*|"
        r"prep_new_page|free_pages_prepare|free_(?:pcp|unref_page)_prepare|bad_range|"
        r"print_bad_pte|dump_page\w*|__dump_page\w*|check_pcp_refill|check_new_pcp|page_expected_state",
        "the page checker and its printing",
    ),
    PassedOver(
        r"print_trailer|object_err|slab_(?:err|bug|fix|pad_check)|check_(?:bytes\w*|object|slab|poison_obj|pad_bytes)|"
        r"(?:free|alloc)_(?:debug_processing|consistency_checks)|free_to_partial_list|check_valid_pointer|"
        r"on_freelist|report_slab\w*|__slab_error|"
        r"init_object|cache_free_debugcheck|cache_alloc_debugcheck_\w+|verify_redzone_free|slab_error|"
        r"__slab_(?:alloc|free)|slab_(?:alloc|free)\w*|___slab_alloc|new_slab|get_partial_node|do_slab_free|"
        r"cache_alloc_refill|cache_flusharray|free_block|drain_array",
        "the slab checker: who allocates or frees is meant",
    ),
    PassedOver(
        r"(?:__)?rcu_(?:pending|check_callbacks|sched_clock_irq|check_\w*stall\w*)|print_cpu_stall\w*|"
        r"print_other_cpu_stall|check_cpu_stall|"
        r"update_process_times|tick_(?:sched|nohz|periodic|handle)\w*|__?hrtimer_(?:run_queues|interrupt)|"
        r"hrtimer_interrupt|"
        r"__run_hrtimer|local_apic_timer_interrupt|(?:__|sys)*_?_?smp_?apic_timer_interrupt|apic_timer_interrupt|"
        r"\w*sysvec_\w+|watchdog_(?:timer_fn|overflow_callback|hardlockup_\w+|check_\w+)|softlockup_\w+|"
        r"perf_event_\w*(?:nmi|overflow)\w*|"
        r"__perf_event_overflow|intel_pmu_\w+|x86_pmu_\w+|smp_local_timer_interrupt|timer_interrupt|do_timer|"
        r"handle_irq\w*|"
        r"do_IRQ|common_interrupt|ret_from_intr|asm_common_interrupt|__do_IRQ|nmi_watchdog_tick|is_hardlockup|"
        r"call_on_stack|irq_exit\w*|__irq_exit\w*",
        "the interrupt in which a watchdog looked",
    ),
    IDLE,
    PassedOver(
        r"_*BUG\w*|stack_trace_\w+|save_stack\w*|__stack_chk_fail|__list_(?:add|del)_(?:valid\w*|entry\w*)|"
        r"__list_(?:add|del)|list_(?:add|del)\w*|"
        r"refcount_\w+|__refcount_\w+|usercopy_abort|__check_\w+_size|fortify_panic|hung_task_\w+",
        "the function that exists to report",
    ),
)

ENDINGS = PassedOver(
    r"do_exit|do_group_exit|complete_and_exit|kthread_exit|make_task_dead|sys_exit\w*|_*do_sys_exit\w*|get_signal\w*|"
    r"do_signal\w*|do_notify_resume\w*|\w*exit_to_user\w*|process_one_work|worker_thread|run_workqueue|worker_thread",
    "how any task ends or leaves the kernel, and how any work is done",
)

SHARED_HELPERS: tuple[PassedOver, ...] = (
    PassedOver(
        r"_*(?:raw_)*(?:native_)?(?:queued_|ticket_)?(?:spin|read|write|mcs_spin|rw)_?(?:un)?(?:try)?(?:lock|"
        r"unlock)\w*|"
        r"_*mutex_(?:lock|unlock|trylock|optimistic_spin|spin_on_owner|add_waiter|remove_waiter)\w*|debug_mutex_\w+|ldsem_\w+|"
        r"_*task_rq_lock|rq_lock\w*|release_sock|_*(?:down|up)(?:_(?:read|write|"
        r"interruptible|killable|trylock|timeout|failed))*|"
        r"rwsem_\w+|__rwsem_\w+|call_rwsem_\w+|_*rt_mutex_\w+|percpu_(?:down|up)_\w+|_*rt_(?:spin|read|"
        r"write)_\w+|osq_lock|"
        r"pv_(?:queued_spin|wait|kick)\w*|__pv_queued_\w+|bit_spin_\w+|lock_page\w*|__lock_page\w*|"
        r"folio_lock\w*|__folio_lock\w*|"
        r"lock_sock\w*|__lock_sock|_*down_trylock_console_sem|console_(?:un)?lock|rcu_read_(?:un)?lock\w*|__rcu_read_(?:un)?lock|"
        r"local_bh_\w+|__local_bh_\w+|seq\w+_(?:begin|retry)",
        "a lock is taken for somebody",
    ),
    PassedOver(
        r"(?:io_)?schedule(?:_timeout\w*|_preempt_disabled|_user|_idle|_hrtimeout\w*)?|__schedule|"
        r"__sched_text_start|preempt_schedule\w*|_?_?cond_resched\w*|"
        r"wait_(?:for_(?:common|completion)\w*|on_\w+)|__wait_(?:for_common|on_bit\w*|on_\w+|rcu_gp)|"
        r"out_of_line_wait_on_bit\w*|"
        r"bit_wait\w*|sleep_on_\w+|sync_(?:page|buffer|inode)\w*|prepare_to_wait\w*|finish_wait|"
        r"do_wait_for_common|__switch_to|thread_return|process_timeout|context_switch|"
        r"folio_wait_\w+|wake_up_page_bit|folio_wake\w*|_*filemap_fdatawait\w*|io_wait_\w+|msleep\w*|usleep_range\w*|synchronize_(?:rcu|sched|srcu)\w*|"
        r"__synchronize_srcu|_?synchronize_rcu_expedited|"
        r"rcu_barrier\w*|_rcu_barrier|flush_(?:work|workqueue)\w*|__flush_work\w*|kthread_stop|wait_rcu_gp|"
        r"do_nanosleep|yield|sys_sched_yield|do_sched_yield",
        "somebody waits in it",
    ),
    PassedOver(
        r"_?_?_?(?:put|get)_page(?:_unless_zero|_testzero|_foll|_foll_\w+)?|put_compound_page|"
        r"__put_(?:compound|single)_page|release_pages|"
        r"(?:try_)?(?:get|put)_compound_head|_?_?folio_(?:put|get|try_get|ref_\w+|put_testzero|try_get_rcu|"
        r"put_refs|large_\w+)\w*|"
        r"page_ref_\w+|page_(?:count|mapcount|cache_get\w*|cache_release)|page_cache_(?:get|release)\w*|"
        r"try_get_page|get_huge_page_tail|"
        r"set_page_(?:count|refcounted)|init_page_count|page_to_(?:nid|pfn|nodenum)|page_zone|pfn_to_page|"
        r"virt_to_\w+|compound_head|vm_normal_(?:page|folio)\w*",
        "counts the references of any page: the caller had the wrong one",
    ),
    PassedOver(
        r"_?_?kmem_cache_(?:alloc|free|destroy|shrink)\w*|_*k[mzc]alloc\w*|kfree\w*|_*vunmap|page_frag_\w+|_*page_frag_\w+|__kfree\w*|kzfree|_*kmalloc\w*|sock_kmalloc|alloc_inode|sk_prot_alloc|_*alloc_percpu\w*|kvasprintf_const|_*list_lru_init\w*|"
        r"kvmalloc\w*|kvfree\w*|vmalloc\w*|__vmalloc\w*|vfree|"
        r"_?_?_?alloc_pages?\w*|_?_?alloc_page(?:s)?(?:_\w+)?|folio_alloc\w*|vma_alloc_\w+|"
        r"_?_?get_free_pages?|get_zeroed_page|__page_cache_alloc|"
        r"get_page_from_freelist|rmqueue\w*|buffered_rmqueue|__rmqueue\w*|_*free_pages?(?:_ok|_bulk)?|free_unref_\w+|free_hot(?:_cold)?_page\w*|_*free_one_page|free_compound_page|free_pages?_and_swap_cache|"
        r"_*page_cache_release|_*pagevec_(?:free|release)\w*|put_pages_list|free_lru_page|"
        r"kmemdup\w*|kstrdup\w*|"
        r"cache_grow\w*|cache_alloc\w*|kmem_getpages|allocate_slab|alloc_slab_page|krealloc\w*|"
        r"mempool_(?:alloc|free)\w*|out_of_memory|oom_kill_process|dump_header|fallback_alloc|"
        r"alternate_node_alloc|should_failslab|slab_pre_alloc_hook",
        "allocates or frees for somebody",
    ),
    PassedOver(
        r"_?_?(?:mem(?:cpy|set|move|cmp|chr)|str(?:n?cpy|n?cmp|n?len|n?cat|lcpy|scpy|chr|rchr|sep|str))(?:_\w+)?|"
        r"(?:__|_|raw_|generic_)*copy_(?:to|from|in)_user\w*|copy_user_\w+|(?:__)?clear_user\w*|(?:__)?(?:get|"
        r"put)_user\w*|rep_\w+|csum_\w+|"
        r"copy_page\w*|clear_page\w*|clear_huge_page|copy_highpage",
        "moves bytes for somebody",
    ),
    PassedOver(
        r"_?_?(?:test|set|clear|change)(?:_and_(?:set|clear|change))?_bit\w*|find_(?:first|next|"
        r"last)_\w*bit\w*|atomic\w*|arch_atomic\w*|cmpxchg\w*|"
        r"hlist_\w+|rb_(?:erase|insert_color|next|prev|first|last)\w*|__rb_\w+|radix_tree_\w+|"
        r"__radix_tree_\w+|xa[rs]?_\w+|xas_\w+|idr_\w+|kref_\w+|kobject_(?:get|put)\w*|"
        r"mas_\w+|llist_\w+|percpu_counter_\w+|percpu_ref_\w+|csum\w*|bitmap_\w+|__bitmap_\w+",
        "a data structure that everybody uses",
    ),
    PassedOver(
        r"smp_call_function\w*|on_each_cpu\w*|__flush_smp_call\w*|flush_smp_call\w*|generic_smp_call_\w+|"
        r"csd_lock\w*|__csd_lock\w*|stop_(?:machine|one_cpu|two_cpus|cpus)\w*|"
        r"native_(?:flush_tlb\w*|read_msr\w*|write_msr\w*|apic_\w+)|flush_tlb_\w+|cpu_relax|__?delay|"
        r"__(?:const_)?udelay|delay_\w+|rep_nop|"
        r"_*printk\w*|vprintk\w*|console_\w+|__call_console_drivers|serial8250_\w+|uart_\w+|"
        r"trace_\w+_on|trace_\w+_off|__raw_callee_save\w*|static_call\w*|ftrace_\w+|notifier_call_chain|"
        r"_?_?(?:atomic|blocking|raw)_notifier_call_chain",
        "waits for other CPUs, for hardware or for the console",
    ),
    PassedOver(
        r"(?:get|put)_task_\w+|_*wake_up(?!_new_task)\w*|try_to_wake_up|default_wake_function|autoremove_wake_function|"
        r"complete(?:_all)?|queue_work\w*|"
        r"__queue_work|mod_timer|del_timer\w*|add_timer|__mod_timer",
        "wakes somebody or starts a timer",
    ),
    PassedOver(r"L\d+|is386", "a label in assembly, and no function"),
    ENDINGS,
    PassedOver(
        r"print_hex_dump\w*|va_format|_*dev_v?printk\w*|_dev_(?:err|warn|info)|v?s[cn]*printf|v?kasprintf\w*|string(?:_nocheck)?|number|pointer|format_decode|hex_\w+|v?sscanf|kstrto\w+|"
        r"_?str(?:n?str|n?chr|nlen|im|replace|ncasecmp|casecmp|pbrk|spn|cspn|stra?rts_with|nchr|ndup\w*|s?cpy_pad)|"
        r"(?:sized_)?strscpy\w*|read_word_at_a_time|simple_strto\w+|match_\w+",
        "reads or writes text for somebody",
    ),
    PassedOver(
        r"_*crc(?:\d|_)\w*|aes_\w+|aes\w*_(?:en|de)crypt|sha\d\w*|chacha\w*|keccakf?\w*|blake2\w*|poly1305\w*|crypto_\w+|shash_\w+|"
        r"skcipher_\w+|hash_(?:64|32|long)|jhash\w*|siphash\w*|lz4\w*|LZ4\w*|zlib_\w+|ZSTD_\w+",
        "sums, ciphers or packs for somebody",
    ),
    PassedOver(
        r"_*kobject_\w+|kobj_\w+|kset_\w+|_*klist_\w+|(?:get|put)_device(?:_parent)?|_*device_(?:add|del|initialize|"
        r"register|unregister|find_child|for_each_child|link_\w+|create\w*|destroy)|sysfs_\w+|_*kernfs_(?:remove|find|get|put|new|add|link|unlink|name|path|activate|drain|create)\w*|"
        r"internal_create_group|proc_(?:register|mkdir\w*|create\w*)|remove_proc_\w+|_*debugfs_\w+|"
        r"remove_files|create_files|dpm_sysfs_\w+|device_remove_\w+|devres_\w+|add_uevent_var|rollback_registered\w*|"
        r"unregister_netdev\w*|bus_(?:add|remove)_\w+|add_device_randomness|cdev_\w+|class_(?:create|destroy)\w*|device_release_driver\w*",
        "keeps the list of devices, and the files that show them, for everybody",
    ),
    PassedOver(
        r"_*(?:try_to_)?del_timer\w*|lock_timer_base|_*timer_(?:delete|shutdown|reduce|setup)\w*|add_timer\w*|"
        r"_*mod_(?:delayed_work|timer)\w*|h?rtimer_(?:start|cancel|try_to_cancel|init)\w*|_*cancel_(?:delayed_)?work\w*|"
        r"drain_workqueue|destroy_workqueue|_*queue_(?:delayed_)?work\w*|insert_work|flush_delayed_work|"
        r"start_flush_work|work_grab_pending|try_to_grab_pending|kthread_(?:stop|park|queue_work|cancel_\w+|flush_\w+)|"
        r"call_rcu\w*|_*call_rcu\w*|_*srcu_\w+|cleanup_srcu_struct\w*|rcu_\w*nocb\w*|percpu_\w+|free_percpu|"
        r"pcpu_\w+|task_work_\w+|irq_work_\w+|tasklet_\w+",
        "timers, work and per-CPU memory of somebody",
    ),
    PassedOver(
        r"iput|igrab|(?:drop|inc|clear|set)_nlink|dput|dget\w*|fast_dput|lockref_\w+|fput\w*|fget\w*|mntput\w*|mntget|"
        r"path_(?:put|get)|_atomic_dec_and_lock\w*|ref_tracker_\w+|put_(?:pid|cred|cred_rcu|task_struct)|_*put_cred\w*|"
        r"id[ar]_\w+|_*ida_\w+|module_put|try_module_get|(?:un)?lock_buffer|mark_buffer_dirty\w*|_*brelse|_*bforget|"
        r"_*bread\w*|_*getblk\w*|(?:put|get)_bh",
        "counts or looks up objects that everybody uses",
    ),
    PassedOver(
        r"unlock_page|folio_unlock|_*page_cache_(?:get|add)_speculative|_*copy_page_(?:to|from)_iter\w*|"
        r"(?:simple_)?_*copy_(?:to|from)_iter\w*|_*(?:raw_)?(?:read|write)[bwlq]|io(?:read|write)\d+\w*|(?:in|out)[bwl]|iov_iter_\w+|copy(?:in|out)\w*|v?memdup_user\w*|rhashtable_\w+|_*rht_\w+|"
        r"rhltable_\w+|_*seqprop_\w+|_*virt_to_phys\w*|_*phys_addr\w*|_*virt_addr_valid|vmalloc_to_\w+|"
        r"free_large_kmalloc\w*|_*alloc_frozen_pages\w*|v[mz]alloc\w*|_*vcalloc\w*|kvcalloc\w*|kcalloc\w*",
        "moves, allocates, locks or finds for somebody",
    ),
    PassedOver(
        r"_*skb_(?:put|pull|push|trim|unlink|release|copy|clone|dequeue|queue|peek|split|segment|checksum|datagram)\w*|"
        r"pskb_\w+|_*(?:kfree|consume|alloc|build|napi_alloc|(?:dev|netdev|napi)_alloc|dev_kfree)_skb\w*|sk_skb_reason_drop|_*sk_(?:free|destruct|alloc|clone)\w*|sock_put|"
        r"usb_(?:submit|kill|poison|unlink|free|alloc)_urb|usb_start_wait_urb|usb_(?:bulk|control|interrupt)_msg\w*|"
        r"usb_kill_anchored_urbs",
        "a packet's or a request's memory: whose it is, is meant",
    ),
)


ENTRY_CODE = re.compile(
    r"(?:ia32_|compat_)?(?:system_call|sysenter|syscall)\w*|entry_\w+|do_(?:fast_)?(?:int80_)?syscall_\w+|x64_sys_call|"
    r"do_SYSENTER_32|ia32_sys_call|invoke_syscall|el0\w*|ret_from_(?:fork|exception|sys_call|user_mode)\w*|kthread|"
    r"kernel_thread(?:_helper|_starter)?|child_rip|process_one_work|run_workqueue|(?:_stext|work_pending)|"
    r"kernel_init|kernel_init_freeable|do_(?:one_)?initcalls?|do_basic_setup|init|ret_fast_syscall|no_syscall_entry\w*"
)
"""Where a job of the kernel begins: the same for all, so no part of what tells one report from another."""


def _one_of(table: Iterable[PassedOver]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{entry.functions})" for entry in table))


_IDLE = re.compile(IDLE.functions)
_PLUMBING = _one_of(PLUMBING)
_ENDINGS = _one_of((ENDINGS,))
_PRINTING = _one_of(PLUMBING[:1])
_SHARED = _one_of(SHARED_HELPERS)


def is_plumbing(function: str) -> bool:
    """Whether ``function`` belongs to the making of a report and never names one."""
    return _PLUMBING.fullmatch(function) is not None


def is_idle(function: str) -> bool:
    """Whether a CPU in ``function`` has nothing to do."""
    return re.fullmatch(IDLE.functions, function) is not None


def is_entry_code(function: str) -> bool:
    """Whether ``function`` begins any job: a system call, a thread, a work item."""
    return ENTRY_CODE.fullmatch(function) is not None


def is_root(function: str) -> bool:
    """Whether a trace that comes to ``function`` is whole: a job begins there, or a CPU that has none is there."""
    return is_entry_code(function) or _IDLE.fullmatch(function) is not None


def is_printing(function: str) -> bool:
    """Whether ``function`` prints traces and registers."""
    return _PRINTING.fullmatch(function) is not None


def is_shared_helper(function: str) -> bool:
    """Whether ``function`` works for so many callers that the caller is meant; it names a report as a last resort."""
    return _SHARED.fullmatch(function.removesuffix("_noprof")) is not None  # 6.10 on: the allocators inside of macros


def bare_name(function: str) -> str:
    """Drop what a compiler appends to a function's name: .isra.0, .constprop.1, .part.2, .cold …"""
    head, _, _ = function.lstrip(".").partition(".")
    return head


_NAME = r"(?<![\w.$])[A-Za-z_.$][\w.$]{0,200}"
# One entry of a trace. Shapes, oldest first:
#   [<c0108d4f>]                                2.5 without kallsyms
#   [<c0119f0a>] __wake_up_common+0x3a/0x60     2.5.40 on, several on a line until 2.6.1
#   <ffffffff80131d4e>{__might_sleep+173}       x86-64 2.5 to 2.6.18, several on a line
#   [<ffffffff8110b2a5>] ? foo+0x12/0x34 [mod]  2.6.19 to 4.10
#   foo+0x12/0x34                               4.11 on
#   [c00000000287] [c0000000028] foo+0x12/0x34  PowerPC
#   bar from foo+0x12/0x34                      ARM
_ENTRY = re.compile(
    rf"(?:\[?<(?P<address>[0-9a-fA-F]{{8,16}})>\]?[ ]{{0,4}})?"
    rf"(?:(?P<guess>\?)[ ]{{0,4}})?"
    rf"(?:\{{(?P<braced>{_NAME})\+\d{{0,8}}|(?P<name>{_NAME})\+0x[0-9a-fA-F]{{1,8}}/0x)|"
    rf"\[<(?P<bare>[0-9a-fA-F]{{8,16}})>\]"
)
_AT_START = re.compile(r"\+0x0+/0x$|\+0$")
_ENTRY_LINE = re.compile(
    rf"(?:(?:Call Trace|Trace): ?)?(?:<[#A-Z]{{1,16}}> {{0,4}}|#\d{{1,3}} )?(?:\? {{0,4}})?"
    rf"(?:\[?<[0-9a-fA-F]{{8,16}}>\]?|\[[0-9a-f]{{8,16}}\] \[[0-9a-f]{{8,16}}\] |"
    rf"(?:{_NAME} from )?{_NAME}\+0x[0-9a-fA-F]{{1,8}}/0x[0-9a-fA-F]{{1,8}})"
)


def is_entry_line(message: str) -> bool:
    """Whether ``message`` is a line of a call trace."""
    return _ENTRY_LINE.match(message) is not None


def entries(message: str, resolve: Resolve | None = None) -> Iterator[Frame | None]:
    """Yield the trace entries of a line in order; None for an address that has no name.

    The first address of a function is none that a call returns to: a pointer to it lay on the stack.
    """
    for found in _ENTRY.finditer(message):
        name = found["braced"] or found["name"]
        if name is not None:
            start = _AT_START.search(found[0]) is not None
        elif resolve is not None:
            address = int(found["bare"], 16)
            name = resolve(address)
            start = name is not None and resolve(address - 1) != name
        yield Frame(bare_name(name), found["guess"] is None and not start) if name else None


_COUNTER = re.compile(
    r"(?:RIP|EIP|IP|EIP is at|RIP is at|NIP|PC is at|pc ?:|epc ?:)(?: |:|$)(?:\s{0,4}00(?!33|23|73|1b|2b)[0-9a-f]{2}:)?"
)


def program_counter(message: str, resolve: Resolve | None = None) -> Frame | None:
    """Return the function a register line (RIP:, EIP is at, IP:) points into; None for user space or no name."""
    found = _COUNTER.match(message)
    if not found or re.match(r"\s{0,4}00(?:33|23|73|1b|2b):", message[found.end() :]):
        return None
    named = [frame for frame in entries(message[found.end() :], resolve) if frame]
    return Frame(named[0].function, True) if named else None


def is_program_counter(message: str) -> bool:
    """Whether a line says where the kernel was; a call of NULL leaves it at an address without a name."""
    found = _COUNTER.match(message)
    return found is not None and not re.match(r"\s{0,4}00(?:33|23|73|1b|2b):", message[found.end() :])


def key_function(candidates: Iterable[str], names_itself: re.Pattern[str] | None = None) -> str | None:
    """Return the first function that is neither plumbing nor a shared helper nor where any job begins.

    Where there is none, the end of a task or the doing of work says more than the waiting in it; else the first that is
    no plumbing.

    ``names_itself``: helpers that do name a report of this kind.
    """
    helper: str | None = None
    ending: str | None = None
    for function in candidates:
        if names_itself is not None and names_itself.fullmatch(function):
            return function
        if is_plumbing(function):
            continue
        if not (is_shared_helper(function) or is_entry_code(function)):
            return function
        helper = helper or function
        if _ENDINGS.fullmatch(function):
            ending = ending or function
    return ending or helper
