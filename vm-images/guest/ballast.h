/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ballast is a process that takes all free memory but some room, so that the
 * kernel reclaims all the time, whatever the guest's size.
 */
#ifndef BALLAST_H
#define BALLAST_H

/* To be called before any worker runs, while what is free is what can be had: the room is measured from there. */
void ballast_prepare(long room_kib);

/* Starts it, or starts it anew where the out-of-memory killer ended it: it is meant to go first. Of one worker only. */
void ballast_keep(void);

/* Another room from now on; by any process. What is to be given back takes some 20 ms. */
void ballast_room(long room_kib);

/*
 * To be called now and then by whoever keeps it: less room while less than that
 * is swapped out; more, up to twice the first, while it is three times as much.
 */
void ballast_press(long out_kib);

/* Waits until it holds what it is to hold, or cannot get any more; no longer than the given time. */
void ballast_wait(unsigned int milliseconds);

long ballast_held_kib(void);

#endif
