// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For emulated guests: go on after a breakpoint that is not there any more.
 *
 * The kernel changes its own code (static keys, static calls) while other
 * processors run it: an INT3 first, the rest, then the first byte.  QEMU before
 * 8.1 may translate code while another processor writes to it, and not notice;
 * such a translation traps at the INT3 for as long as it lives, and the kernel,
 * which patched that place long ago, dies of "Oops: int3".
 *
 * So what the code says by now is done in the breakpoint's place, as the
 * kernel's own handler does it while the patching is under way.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kdebug.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/ptrace.h>
#include <linux/string.h>
#include <asm/text-patching.h>

/* An INT3 met again and again is one that belongs there */
#define STALE_INT3_AGAIN	100000

static atomic_t stale_int3_count;
static DEFINE_PER_CPU(unsigned long, stale_int3_last);
static DEFINE_PER_CPU(unsigned int, stale_int3_again);

static bool stale_int3_go_on(struct pt_regs *regs)
{
	static const u8 nop5[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 }, nop2[] = { 0x66, 0x90 };
	unsigned long at = regs->ip - INT3_INSN_SIZE;
	u8 code[JMP32_INSN_SIZE];
	s32 offset;

	memcpy(code, (void *)at, sizeof(code));
	memcpy(&offset, code + 1, sizeof(offset));
	switch (code[0]) {
	case JMP8_INSN_OPCODE:
		int3_emulate_jmp(regs, at + JMP8_INSN_SIZE + (s8)code[1]);
		break;
	case JMP32_INSN_OPCODE:
		int3_emulate_jmp(regs, at + JMP32_INSN_SIZE + offset);
		break;
	case CALL_INSN_OPCODE:
		int3_emulate_push(regs, at + CALL_INSN_SIZE);
		int3_emulate_jmp(regs, at + CALL_INSN_SIZE + offset);
		break;
	case RET_INSN_OPCODE:
		int3_emulate_ret(regs);
		break;
	default:
		if (!memcmp(code, nop5, sizeof(nop5))) {
			int3_emulate_jmp(regs, at + sizeof(nop5));
			break;
		}
		if (!memcmp(code, nop2, sizeof(nop2))) {
			int3_emulate_jmp(regs, at + sizeof(nop2));
			break;
		}
		/* Patched once more, or something else: look again */
		if (this_cpu_read(stale_int3_last) != at) {
			this_cpu_write(stale_int3_last, at);
			this_cpu_write(stale_int3_again, 0);
		}
		if (this_cpu_inc_return(stale_int3_again) > STALE_INT3_AGAIN)
			return false;
		int3_emulate_jmp(regs, at);
		return true;
	}
	atomic_inc(&stale_int3_count);
	return true;
}

static int stale_int3_event(struct notifier_block *block, unsigned long event, void *data)
{
	struct die_args *args = data;

	if (event != DIE_INT3 || user_mode(args->regs))
		return NOTIFY_DONE;
	return stale_int3_go_on(args->regs) ? NOTIFY_STOP : NOTIFY_DONE;
}

static struct notifier_block stale_int3_block = {
	.notifier_call	= stale_int3_event,
};

static int __init stale_int3_init(void)
{
	return register_die_notifier(&stale_int3_block);
}

static void __exit stale_int3_exit(void)
{
	unregister_die_notifier(&stale_int3_block);
	pr_info("%d stale breakpoints\n", atomic_read(&stale_int3_count));
}

module_init(stale_int3_init);
module_exit(stale_int3_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Go on after breakpoints that an emulator still sees");
