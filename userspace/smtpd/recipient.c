// SPDX-License-Identifier: GPL-2.0-or-later
#include "recipient.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log.h"

/* What aliases may make of one address. */
#define MAX_EXPANDED	1000

/**
 * struct expansion - one RCPT that is being looked up
 * @to: what is found
 * @rules: who is here
 * @command: the RCPT
 * @literal: our numeric address
 * @most: recipients of a message
 * @first: recipients that were there before
 * @chain: aliases that led here, the latest first
 * @depth: how many
 * @found: somebody gets mail, perhaps for another address already
 * @refusal: what to answer, when it is to be refused
 */
struct expansion {
	struct recipients *to;
	const struct recipient_rules *rules;
	const struct rcpt_command *command;
	const char *literal;
	unsigned int most, first;
	const struct alias *chain[RECIPIENT_MAX_DEPTH];
	unsigned int depth;
	bool found;
	struct refusal *refusal;
};

static int refuse(struct expansion *e, unsigned int code, const char *status, const char *text)
{
	*e->refusal = (struct refusal){ code, status, text };
	return -1;
}

/**
 * recipient_domain_in() - whether a domain is in a list
 * @domain: the domain
 * @list: "NAME" is NAME, ".NAME" all below it
 * @n: how many
 */
bool recipient_domain_in(const char *domain, const char *const *list, unsigned int n)
{
	size_t len = strlen(domain);

	for (unsigned int i = 0; i < n; i++) {
		size_t tail = strlen(list[i]);

		if (*list[i] != '.' ? mail_domain_equal(domain, list[i]) :
		    len > tail && !strcasecmp(domain + len - tail, list[i]))
			return true;
	}
	return false;
}

/**
 * recipient_is_here() - whether an address is for this server to deliver
 * @rules: who is here
 * @a: the address
 * @literal: the numeric address that the client came to, or ""
 */
bool recipient_is_here(const struct recipient_rules *rules, const struct mail_address *a,
		       const char *literal)
{
	const char *domain = mail_address_domain(a);
	char address[46];

	switch (a->kind) {
	case MAIL_NO_DOMAIN:
		return true;
	case MAIL_NAME:
		return mail_domain_equal(domain, rules->hostname) ||
		       recipient_domain_in(domain, rules->domains, rules->n_domains);
	default:
		return mail_literal_parse(domain, strlen(domain), address) != MAIL_NO_DOMAIN &&
		       !strcasecmp(address, literal);
	}
}

/* --- the list --- */

static void clear_one(struct recipient *r)
{
	free(r->address);
	free(r->user);
	free(r->original);
	free(r->orcpt);
}

/**
 * recipients_clear() - let all of them go
 * @to: the recipients
 */
void recipients_clear(struct recipients *to)
{
	for (unsigned int i = 0; i < to->n; i++)
		clear_one(&to->list[i]);
	free(to->list);
	memset(to, 0, sizeof(*to));
}

static void drop_from(struct recipients *to, unsigned int first)
{
	while (to->n > first)
		clear_one(&to->list[--to->n]);
}

static bool same(const struct recipient *r, const char *address, const char *user)
{
	if (user || r->user)
		return user && r->user && !strcmp(user, r->user) &&
		       !strcasecmp(address, r->address);
	return !strcmp(address, r->address);
}

static bool make_room(struct recipients *to)
{
	unsigned int room = to->room ? 2 * to->room : 4;
	struct recipient *list;

	if (to->n < to->room)
		return true;
	list = realloc(to->list, room * sizeof(*list));
	if (!list)
		return false;
	to->list = list;
	to->room = room;
	return true;
}

static int add(struct expansion *e, const char *address, const char *user)
{
	const char *original = e->command->to.text;
	struct recipients *to = e->to;
	struct recipient *r;

	e->found = true;
	for (unsigned int i = 0; i < to->n; i++)
		if (same(&to->list[i], address, user))
			return 0;
	if (to->n - e->first >= MAX_EXPANDED)
		return refuse(e, 554, "5.2.4", "an alias stands for too many addresses");
	/* With those that are too many the client comes again (RFC 5321, 4.5.3.1.10). */
	if (to->n >= e->most)
		return refuse(e, 452, "4.5.3", "too many recipients");
	if (!make_room(to))
		return refuse(e, 452, "4.3.1", "no memory");
	r = &to->list[to->n++];
	*r = (struct recipient){
		.address = strdup(address), .user = user ? strdup(user) : NULL,
		.notify = e->command->notify, .orcpt = strdup(e->command->orcpt),
		.original = strcmp(original, address) ? strdup(original) : NULL,
	};
	if (!r->address || !r->orcpt || (user && !r->user) ||
	    (strcmp(original, address) && !r->original))
		return refuse(e, 452, "4.3.1", "no memory");
	return 0;
}

/* --- looking up --- */

static int expand(struct expansion *e, const struct mail_address *a);

static bool in_chain(const struct expansion *e, const struct alias *alias)
{
	for (unsigned int i = 0; i < e->depth; i++)
		if (e->chain[i] == alias)
			return true;
	return false;
}

/* "alice" is somebody here; other targets are addresses. */
static int follow_target(struct expansion *e, const char *target)
{
	struct mail_address a;
	char text[MAIL_LOCAL_MAX + MAIL_DOMAIN_MAX + 2];
	size_t len = strlen(target);

	if (mail_address_parse(&a, target, len, MAIL_ALLOW_UTF8) == MAIL_ADDRESS_GOOD) {
		if (!recipient_is_here(e->rules, &a, e->literal))
			return add(e, a.text, NULL);
		return expand(e, &a);
	}
	snprintf(text, sizeof(text), "%s@%s", target, e->rules->n_domains &&
		 *e->rules->domains[0] != '.' ? e->rules->domains[0] : e->rules->hostname);
	if (mail_address_parse(&a, text, strlen(text), MAIL_ALLOW_UTF8) == MAIL_ADDRESS_GOOD)
		return expand(e, &a);
	ln_warning("aliases: '%s' makes too long an address with its domain", target);
	return 0;
}

static int follow(struct expansion *e, const struct alias *alias)
{
	int err = 0;

	if (e->depth == RECIPIENT_MAX_DEPTH) {
		ln_warning("aliases: '%s' is %d aliases deep", alias->name, RECIPIENT_MAX_DEPTH);
		return refuse(e, 554, "5.4.6", "aliases lead from one to the next without end");
	}
	e->chain[e->depth++] = alias;
	for (unsigned int i = 0; i < alias->n && !err; i++)
		err = follow_target(e, alias->target[i]);
	e->depth--;
	return err;
}

static void lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s |= 0x20;
}

/* As it is written, or else in lower case: nobody has two users that differ in this alone. */
static const char *find_user(const struct recipient_rules *rules, const char *name,
			     char out[MAIL_ADDRESS_MAX + 1])
{
	strcpy(out, name);
	if (rules->has_user(rules->data, out))
		return out;
	lower(out);
	return rules->has_user(rules->data, out) ? out : NULL;
}

/*
 * An alias or a user for one spelling: 1 when there was one, 0, or -1.  An alias on the way
 * that names itself means the user.
 */
static int try_name(struct expansion *e, const struct mail_address *a, const char *name)
{
	const struct alias *alias = aliases_find(e->rules->aliases, name);
	char user[MAIL_ADDRESS_MAX + 1];

	if (alias && !in_chain(e, alias))
		return follow(e, alias) ? -1 : 1;
	if (!find_user(e->rules, name, user))
		return 0;
	return add(e, a->text, user) ? -1 : 1;
}

/*
 * The spellings, the most exact first: the address, the local part, and both without the detail
 * behind the delimiter; then the domain's catch-all.
 */
static int try_names(struct expansion *e, const struct mail_address *a, const char *local)
{
	const char *domain = a->kind == MAIL_NO_DOMAIN ? e->rules->hostname :
				    mail_address_domain(a);
	char name[MAIL_LOCAL_MAX + MAIL_DOMAIN_MAX + 2], base[MAIL_LOCAL_MAX + 1];
	const char *detail = e->rules->delimiter ? strchr(local, e->rules->delimiter) : NULL;
	const struct alias *alias;
	int found;

	for (int without = 0; without <= (detail && detail != local); without++) {
		snprintf(base, sizeof(base), "%.*s",
			 without ? (int)(detail - local) : MAIL_LOCAL_MAX, local);
		snprintf(name, sizeof(name), "%s@%s", base, domain);
		found = strlen(name) <= MAIL_ADDRESS_MAX ? try_name(e, a, name) : 0;
		/* "x@y" in quotes is a local part, and no address. */
		if (!found && !strchr(base, '@'))
			found = try_name(e, a, base);
		if (found)
			return found;
	}
	snprintf(name, sizeof(name), "@%s", domain);
	alias = aliases_find(e->rules->aliases, name);
	if (alias && !in_chain(e, alias))
		return follow(e, alias) ? -1 : 1;
	return 0;
}

/* RFC 5321, 4.5.1: there is always a postmaster. */
static int try_postmaster(struct expansion *e, const char *local)
{
	const char *postmaster = e->rules->postmaster;
	bool before = e->found;
	int err;

	if (strcasecmp(local, "postmaster") || !strcasecmp(postmaster, "postmaster") ||
	    e->depth == RECIPIENT_MAX_DEPTH)
		return 0;
	e->chain[e->depth++] = NULL;
	e->found = false;
	err = follow_target(e, postmaster);
	e->depth--;
	if (err)
		return -1;
	if (e->found)
		return 1;
	e->found = before;
	return 0;
}

static int expand(struct expansion *e, const struct mail_address *a)
{
	char local[MAIL_LOCAL_MAX + 1];
	int found;

	mail_address_local(a, local);
	found = try_names(e, a, local);
	if (!found)
		found = try_postmaster(e, local);
	if (found)
		return found < 0 ? -1 : 0;
	if (!e->depth)
		return refuse(e, 550, "5.1.1", "there is no such user here");
	ln_warning("aliases: nobody is '%s', whom '%s' names", local,
		   e->chain[e->depth - 1] ? e->chain[e->depth - 1]->name : "postmaster");
	return 0;
}

/* <Postmaster> is ours. */
static void give_domain(struct mail_address *a, const char *hostname)
{
	char text[MAIL_LOCAL_MAX + MAIL_DOMAIN_MAX + 2];
	struct mail_address full;

	snprintf(text, sizeof(text), "%s@%s", a->text, hostname);
	if (mail_address_parse(&full, text, strlen(text), MAIL_ALLOW_UTF8) == MAIL_ADDRESS_GOOD)
		*a = full;
}

/**
 * recipients_add() - add those who get mail for an address
 * @to: where to add them; stays as it was when the address is refused
 * @rules: who is here
 * @c: the address and how its sender wants to be told
 * @may_relay: the client may send to other servers
 * @literal: the numeric address that the client came to, or ""
 * @most: recipients that a message may have
 * @r: what to answer when it is refused
 *
 * Return: 0, or -1: @r says why not.
 */
int recipients_add(struct recipients *to, const struct recipient_rules *rules,
		   const struct rcpt_command *c, bool may_relay, const char *literal,
		   unsigned int most, struct refusal *r)
{
	struct rcpt_command full = *c;
	struct expansion e = {
		.to = to, .rules = rules, .command = &full, .literal = literal, .most = most,
		.first = to->n, .refusal = r,
	};
	const char *domain = mail_address_domain(&c->to);
	int err;

	if (c->to.kind == MAIL_NO_DOMAIN)
		give_domain(&full.to, rules->hostname);
	if (recipient_is_here(rules, &full.to, literal))
		err = expand(&e, &full.to);
	else if (may_relay || (c->to.kind == MAIL_NAME &&
			       recipient_domain_in(domain, rules->relay_domains,
						   rules->n_relay_domains)))
		err = add(&e, c->to.text, NULL);
	else
		/* RFC 5321, 3.6.2 */
		err = refuse(&e, 550, "5.7.1", "relaying to this address is not allowed");
	if (!err && !e.found)
		err = refuse(&e, 451, "4.3.5", "an alias leads to nobody");
	if (err)
		drop_from(to, e.first);
	return err;
}
