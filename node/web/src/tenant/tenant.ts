/** An expert's own cases, newest first. Mirrors what `actors/src/tenant.rs` shows one expert. */
import type { CaseId, CaseView, LinkView, TenantEvent, TenantView, Time } from "../protocol/words";

/** What this browser knows of the tenant. */
export interface Tenant {
  readonly cases: readonly CaseView[];
}

/** A tenant nothing is known of yet. */
export const emptyTenant: Tenant = { cases: [] };

/** Takes in the whole picture. */
export const show = (view: TenantView): Tenant => ({ cases: view.cases });

/** Folds one event. */
export function fold(tenant: Tenant, at: Time, event: TenantEvent): Tenant {
  switch (event.kind) {
    case "opened": {
      const { customer, title } = event;
      const fresh: CaseView = { case: event.case, title, since: at, customer, closed: false, links: [] };
      return { cases: [fresh, ...tenant.cases.filter((one) => one.case !== event.case)] };
    }
    case "settled":
      return tenant;
    case "invited": {
      const link: LinkView = { link: event.link, until: event.until, revoked: false };
      return change(tenant, event.case, (one) => ({ ...one, links: [...one.links, link] }));
    }
    case "revoked":
      return { cases: tenant.cases.map((one) => ({ ...one, links: revoke(one.links, event.link) })) };
    case "closed":
      return change(tenant, event.case, (one) => ({ ...one, closed: true }));
  }
}

/** The newest link of a case that still opens the door. */
export function goodLink(one: CaseView, now: Time): LinkView | undefined {
  return one.links.findLast((link) => !link.revoked && link.until > now);
}

function change(tenant: Tenant, id: CaseId, to: (one: CaseView) => CaseView): Tenant {
  return { cases: tenant.cases.map((one) => (one.case === id ? to(one) : one)) };
}

function revoke(links: LinkView[], link: string): LinkView[] {
  return links.map((one) => (one.link === link ? { ...one, revoked: true } : one));
}
