"""Does the stressor of an area find a race that was planted there, and does another one not?"""
