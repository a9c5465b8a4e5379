// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtual time: a heap of what is to happen, and on it jiffies, timers, high
 * resolution timers, tasklets, work and the grace periods of RCU. What is due
 * at the same time happens in the order in which it was asked for.
 */
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/timer.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "kernel.h"

#define NS_PER_JIFFY	(NS_PER_S / HZ)
#define GRACE_PERIOD	(2 * NS_PER_MS)

struct clock_event {
	u64		at;
	u64		order;
	unsigned int	index;
	void		(*fn)(void *arg);
	void		*arg;
};

u64 clock_now;
unsigned long volatile jiffies __aligned(64);
static struct clock_event **heap;
static unsigned int heap_len, heap_room;
static u64 next_order;
/* Events that are not in use, so that an event costs no malloc() */
static struct clock_event *spare[64];
static unsigned int n_spare;

static bool before(const struct clock_event *a, const struct clock_event *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void put_at(unsigned int i, struct clock_event *e)
{
	heap[i] = e;
	e->index = i;
}

static void sift_up(unsigned int i, struct clock_event *e)
{
	while (i && before(e, heap[(i - 1) / 2])) {
		put_at(i, heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put_at(i, e);
}

static void sift_down(unsigned int i, struct clock_event *e)
{
	for (;;) {
		unsigned int c = 2 * i + 1;

		if (c >= heap_len)
			break;
		if (c + 1 < heap_len && before(heap[c + 1], heap[c]))
			c++;
		if (!before(heap[c], e))
			break;
		put_at(i, heap[c]);
		i = c;
	}
	put_at(i, e);
}

static void give_back(struct clock_event *e)
{
	if (n_spare < ARRAY_SIZE(spare))
		spare[n_spare++] = e;
	else
		free(e);
}

/**
 * clock_at() - have something happen
 * @at: when, ns; the past is now
 * @fn: what
 * @arg: for @fn
 */
struct clock_event *clock_at(u64 at, void (*fn)(void *), void *arg)
{
	struct clock_event *e = n_spare ? spare[--n_spare] : malloc(sizeof(*e));

	if (heap_len == heap_room) {
		heap_room = heap_room ? 2 * heap_room : 256;
		heap = realloc(heap, heap_room * sizeof(*heap));
	}
	e->at = max(at, clock_now);
	e->order = next_order++;
	e->fn = fn;
	e->arg = arg;
	sift_up(heap_len++, e);
	return e;
}

static void take_out(struct clock_event *e)
{
	unsigned int i = e->index;
	struct clock_event *last = heap[--heap_len];

	if (last == e)
		return;
	if (i && before(last, heap[(i - 1) / 2]))
		sift_up(i, last);
	else
		sift_down(i, last);
}

void clock_cancel(struct clock_event *event)
{
	take_out(event);
	give_back(event);
}

static void set_now(u64 now)
{
	clock_now = now;
	jiffies = INITIAL_JIFFIES + now / NS_PER_JIFFY;
}

/**
 * clock_step() - the next thing happens
 *
 * Return: false when there is none.
 */
bool clock_step(void)
{
	struct clock_event *e;
	void (*fn)(void *arg);
	void *arg;

	if (!heap_len)
		return false;
	e = heap[0];
	take_out(e);
	set_now(e->at);
	fn = e->fn;
	arg = e->arg;
	give_back(e);
	fn(arg);
	return true;
}

/**
 * clock_next() - when does something happen next?
 *
 * Return: ns, or U64_MAX when nothing waits.
 */
u64 clock_next(void)
{
	return heap_len ? heap[0]->at : U64_MAX;
}

/**
 * clock_set() - time passes in which nothing happens
 * @at: until when, ns, not after clock_next()
 */
void clock_set(u64 at)
{
	SIM_MUST(at >= clock_now && at <= clock_next(), "time would jump");
	set_now(at);
}

unsigned int clock_waiting(void)
{
	return heap_len;
}

/**
 * clock_reset() - begin again; nothing waits any more
 */
void clock_reset(void)
{
	SIM_MUST(!heap_len, "%u events are left over", heap_len);
	next_order = 0;
	/* not at zero: that stands for "never" in many places */
	set_now(1000 * NS_PER_S + 123456789);
}

/* --- time --- */

ktime_t ktime_get(void)
{
	return clock_now;
}

ktime_t ktime_get_with_offset(enum tk_offsets offs)
{
	return clock_now + (offs == TK_OFFS_REAL ? 1700000000 * NS_PER_S : 0);
}

time64_t ktime_get_seconds(void)
{
	return clock_now / NS_PER_S;
}

time64_t ktime_get_real_seconds(void)
{
	return 1700000000 + clock_now / NS_PER_S;
}

ktime_t ktime_add_safe(const ktime_t a, const ktime_t b)
{
	return ktime_add(a, b) < 0 ? KTIME_MAX : ktime_add(a, b);
}

unsigned int jiffies_to_msecs(const unsigned long j)
{
	return j * (MSEC_PER_SEC / HZ);
}

unsigned int jiffies_to_usecs(const unsigned long j)
{
	return j * (USEC_PER_SEC / HZ);
}

unsigned long __msecs_to_jiffies(const unsigned int m)
{
	if ((int)m < 0)
		return MAX_JIFFY_OFFSET;
	return DIV_ROUND_UP(m, MSEC_PER_SEC / HZ);
}

unsigned long __usecs_to_jiffies(const unsigned int u)
{
	return DIV_ROUND_UP((u64)u, USEC_PER_SEC / HZ);
}

unsigned long nsecs_to_jiffies(u64 n)
{
	return n / NS_PER_JIFFY;
}

/* --- timers: the event stands where the list of the wheel would --- */

static struct clock_event *event_of(const struct timer_list *timer)
{
	return (struct clock_event *)timer->entry.pprev;
}

static void timer_fires(void *arg)
{
	struct timer_list *timer = arg;

	timer->entry.pprev = NULL;
	timer->function(timer);
}

void init_timer_key(struct timer_list *timer, void (*func)(struct timer_list *),
		    unsigned int flags, const char *name,
		    struct lock_class_key *key)
{
	timer->entry.pprev = NULL;
	timer->function = func;
	timer->flags = flags;
}

int timer_delete(struct timer_list *timer)
{
	if (!timer_pending(timer))
		return 0;
	clock_cancel(event_of(timer));
	timer->entry.pprev = NULL;
	return 1;
}

int timer_delete_sync(struct timer_list *timer)
{
	return timer_delete(timer);
}

int mod_timer(struct timer_list *timer, unsigned long expires)
{
	int was = timer_delete(timer);
	long delay = expires - jiffies;
	u64 at = (clock_now / NS_PER_JIFFY + (delay > 0 ? delay : 1)) *
		 NS_PER_JIFFY;

	timer->expires = expires;
	timer->entry.pprev = (void *)clock_at(at, timer_fires, timer);
	return was;
}

int mod_timer_pending(struct timer_list *timer, unsigned long expires)
{
	return timer_pending(timer) ? mod_timer(timer, expires) : 0;
}

int timer_reduce(struct timer_list *timer, unsigned long expires)
{
	if (timer_pending(timer) && time_before_eq(timer->expires, expires))
		return 1;
	return mod_timer(timer, expires);
}

void add_timer(struct timer_list *timer)
{
	mod_timer(timer, timer->expires);
}

static struct clock_event *event_of_hr(const struct hrtimer *timer)
{
	return (struct clock_event *)timer->node.node.__rb_parent_color;
}

static void hrtimer_fires(void *arg)
{
	struct hrtimer *timer = arg;

	timer->state = HRTIMER_STATE_INACTIVE;
	SIM_MUST(timer->function(timer) == HRTIMER_NORESTART,
		 "a restarting hrtimer is not simulated");
}

void hrtimer_init(struct hrtimer *timer, clockid_t clock,
		  enum hrtimer_mode mode)
{
	memset(timer, 0, sizeof(*timer));
}

int hrtimer_try_to_cancel(struct hrtimer *timer)
{
	if (!hrtimer_is_queued(timer))
		return 0;
	clock_cancel(event_of_hr(timer));
	timer->state = HRTIMER_STATE_INACTIVE;
	return 1;
}

int hrtimer_cancel(struct hrtimer *timer)
{
	return hrtimer_try_to_cancel(timer);
}

bool hrtimer_active(const struct hrtimer *timer)
{
	return hrtimer_is_queued((struct hrtimer *)timer);
}

void hrtimer_start_range_ns(struct hrtimer *timer, ktime_t time, u64 range,
			    const enum hrtimer_mode mode)
{
	u64 at = mode & HRTIMER_MODE_REL ? clock_now + time : time;

	hrtimer_try_to_cancel(timer);
	hrtimer_set_expires_range_ns(timer, at, range);
	timer->state = HRTIMER_STATE_ENQUEUED;
	timer->node.node.__rb_parent_color =
		(unsigned long)clock_at(at, hrtimer_fires, timer);
}

/* --- softirq, work, RCU --- */

static void tasklet_runs(void *arg)
{
	struct tasklet_struct *t = arg;

	clear_bit(TASKLET_STATE_SCHED, &t->state);
	if (t->use_callback)
		t->callback(t);
	else
		t->func(t->data);
}

void tasklet_setup(struct tasklet_struct *t,
		   void (*callback)(struct tasklet_struct *))
{
	memset(t, 0, sizeof(*t));
	t->callback = callback;
	t->use_callback = true;
}

void __tasklet_schedule(struct tasklet_struct *t)
{
	clock_at(clock_now, tasklet_runs, t);
}

void tasklet_kill(struct tasklet_struct *t)
{
	SIM_MUST(!test_bit(TASKLET_STATE_SCHED, &t->state),
		 "tasklet_kill() would have to wait");
}

static void work_runs(void *arg)
{
	struct work_struct *work = arg;

	clear_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(work));
	work->func(work);
}

struct workqueue_struct *system_wq, *system_unbound_wq;

bool queue_work_on(int cpu, struct workqueue_struct *wq,
		   struct work_struct *work)
{
	if (test_and_set_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(work)))
		return false;
	clock_at(clock_now, work_runs, work);
	return true;
}

static void delayed_work_runs(void *arg)
{
	struct delayed_work *work = arg;

	work->timer.entry.pprev = NULL;
	work_runs(&work->work);
}

void delayed_work_timer_fn(struct timer_list *t)
{
}

bool queue_delayed_work_on(int cpu, struct workqueue_struct *wq,
			   struct delayed_work *work, unsigned long delay)
{
	if (test_and_set_bit(WORK_STRUCT_PENDING_BIT,
			     work_data_bits(&work->work)))
		return false;
	work->timer.entry.pprev =
		(void *)clock_at(clock_now + delay * NS_PER_JIFFY,
				 delayed_work_runs, work);
	return true;
}

bool cancel_delayed_work_sync(struct delayed_work *work)
{
	if (!timer_pending(&work->timer))
		return false;
	clear_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(&work->work));
	return timer_delete(&work->timer);
}

bool cancel_work_sync(struct work_struct *work)
{
	SIM_MUST(!test_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(work)),
		 "cancelling work that waits is not simulated");
	return false;
}

static struct callback_head *rcu_first, **rcu_last = &rcu_first;
static struct clock_event *rcu_event;

static void rcu_runs(void *arg)
{
	struct callback_head *head = rcu_first;

	rcu_event = NULL;
	rcu_first = NULL;
	rcu_last = &rcu_first;
	while (head) {
		struct callback_head *next = head->next;

		head->func(head);
		head = next;
	}
}

void call_rcu(struct rcu_head *head, rcu_callback_t func)
{
	head->func = func;
	head->next = NULL;
	*rcu_last = head;
	rcu_last = &head->next;
	if (!rcu_event)
		rcu_event = clock_at(clock_now + GRACE_PERIOD, rcu_runs, NULL);
}

void rcu_barrier(void)
{
	while (rcu_event) {
		clock_cancel(rcu_event);
		rcu_runs(NULL);
	}
}

void synchronize_rcu(void)
{
	rcu_barrier();
}

void synchronize_net(void)
{
	rcu_barrier();
}
