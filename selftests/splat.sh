#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# splat.sh <LOG: print the lines of a kernel log that tell of trouble, with a
# few lines after each. Exit status 1 when there are any.

awk '
# A stack trace alone is none: fault injection prints some; nor is a count of
# leaks: who looks for them judges the list
/BUG:|BUG at|WARNING:|KASAN:|UBSAN:|KCSAN:|ODEBUG:|Oops|Kernel panic/ ||
/general protection fault|unable to handle (kernel )?(page fault|paging)/ ||
/possible (circular|recursive|irq lock)|inconsistent lock state|bad unlock balance|held lock freed|lock held when returning|suspicious RCU/ ||
/scheduling while atomic|sleeping function called|INFO: task .* blocked|soft lockup|hard LOCKUP|(self-)?detected.* stall/ ||
/refcount_t:|leaked reference|unregister_netdevice: waiting|Attempt to release .* still|still has .* (users|references)/ ||
/list_(add|del) corruption|Bad page state|bad page map|Bad rss-counter/ {
	bad = 1
	more = 20
}
more > 0 {
	print
	more--
}
END { exit bad }'
