// SPDX-License-Identifier: GPL-2.0-or-later
int core(void)
{
	int state = 0;

	state++;
	return state;
}
