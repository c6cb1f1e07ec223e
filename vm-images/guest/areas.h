/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which areas of memory management this kernel has, as the running kernel answers. */
#ifndef AREAS_H
#define AREAS_H

/* One line "# areas: NAME=yes|no|..."; cgroups are mounted by now, and nothing is changed by asking. */
void areas_report(void);

#endif
