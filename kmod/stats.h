/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is counted, for each network namespace: /proc/net/linnet/snmp */
#ifndef _LINNET_STATS_H
#define _LINNET_STATS_H

#define LINNET_MIB_LIST(X)						\
	X(ActiveOpens) X(PassiveOpens) X(AttemptFails) X(EstabResets)	\
	X(InSegs) X(OutSegs) X(RetransSegs) X(InErrs) X(InCsumErrors)	\
	X(OutRsts) X(InNoPorts) X(SynRetrans) X(ListenOverflows)	\
	X(ListenDrops) X(ReqQFullDrop) X(ReqQFullDoCookies)		\
	X(SyncookiesSent) X(SyncookiesRecv) X(SyncookiesFailed)		\
	X(FastOpenActive) X(FastOpenActiveFail) X(FastOpenPassive)	\
	X(FastOpenPassiveFail) X(FastOpenPassiveAltKey)			\
	X(FastOpenListenOverflow) X(FastOpenCookieReqd)			\
	X(FastOpenBlackhole) X(TimeWaits) X(TimeWaitOverflow)	\
	X(TimeWaitRecycled) X(DelayedAcks) X(DupAcksIn) X(OutOfOrder)	\
	X(OfoMerged) X(OfoPruned) X(RcvPruned) X(RcvZeroWindow)		\
	X(DsackSent) X(DsackReceived) X(SackReneging) X(FastRetrans)	\
	X(Recoveries) X(RecoveriesReno) X(Timeouts) X(WindowProbes)	\
	X(KeepAlives) X(ChallengeAcks) X(PawsDropped) X(OutOfWindow)	\
	X(AbortOnData) X(AbortOnClose) X(AbortOnTimeout)		\
	X(AbortOnMemory) X(AbortOnLinger) X(BacklogDropped)		\
	X(UrgentIgnored) X(PmtuReduced) X(MemoryPressures)		\
	X(LostRetransmits) X(Reordering) X(SackDiscarded)		\
	X(DsackIgnored) X(FullUndo) X(PartialUndo) X(DsackUndo)		\
	X(LossUndo) X(SpuriousTimeouts) X(LossProbes)			\
	X(LossProbeRecovery) X(InCe) X(EcnFallback) X(MtuProbes)	\
	X(MtuProbesArrived) X(MtuProbesLost)			\
	X(AutoCorking) X(AckCompressed)				\
	X(PruneCalled) X(RcvCollapsed) X(RcvDropped) X(OfoDropped) X(OfoCoalesced)	\
	X(BacklogCoalesced) X(ZeroWindowDropped)

enum linnet_mib_field {
#define LINNET_MIB_ENUM(name) LINNET_MIB_##name,
	LINNET_MIB_LIST(LINNET_MIB_ENUM)
#undef LINNET_MIB_ENUM
	LINNET_MIB_MAX
};

struct linnet_mib {
	unsigned long	mibs[LINNET_MIB_MAX];
};

#define LINNET_COUNT(net, field) \
	this_cpu_inc(linnet_pernet(net)->mib->mibs[LINNET_MIB_##field])
#define LINNET_COUNT_ADD(net, field, n) \
	this_cpu_add(linnet_pernet(net)->mib->mibs[LINNET_MIB_##field], n)
/* The same where every segment passes: the socket knows the place */
#define LINNET_COUNT_SK(sk, field, n) \
	this_cpu_add(linnet_sk_net(sk)->mib->mibs[LINNET_MIB_##field], n)

#endif /* _LINNET_STATS_H */
