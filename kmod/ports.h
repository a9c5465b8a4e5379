/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local ports and who has them: the offer of ports.c to the tables */
#ifndef _LINNET_PORTS_H
#define _LINNET_PORTS_H

int linnet_ports_init(void);
void linnet_ports_exit(void);

#endif /* _LINNET_PORTS_H */
