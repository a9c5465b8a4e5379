/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel's headers are told that they were configured with: one
 * processor, no interrupts to disable, no code that patches itself. Everything
 * else is as in the kernel whose headers these are, and so are the layouts of
 * struct sock, struct tcp_sock and struct sk_buff. Included before all others.
 */
#undef CONFIG_SMP
#undef CONFIG_NR_CPUS
#define CONFIG_NR_CPUS 1
#undef CONFIG_PARAVIRT
#undef CONFIG_PARAVIRT_XXL
#undef CONFIG_PARAVIRT_SPINLOCKS
#undef CONFIG_PARAVIRT_CLOCK
#undef CONFIG_PREEMPT_DYNAMIC
#undef CONFIG_HAVE_PREEMPT_DYNAMIC
#undef CONFIG_HAVE_PREEMPT_DYNAMIC_CALL
#undef CONFIG_PREEMPT_BUILD
#undef CONFIG_PREEMPTION
#undef CONFIG_PREEMPT_RCU
#undef CONFIG_JUMP_LABEL
#undef CONFIG_TRACEPOINTS
#undef CONFIG_NETFILTER
#undef CONFIG_XFRM
#undef CONFIG_XFRM_OFFLOAD
#undef CONFIG_SECURITY
#undef CONFIG_SECURITY_NETWORK
#undef CONFIG_CGROUP_BPF
#undef CONFIG_HARDENED_USERCOPY
#undef CONFIG_FORTIFY_SOURCE
