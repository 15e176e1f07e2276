/** Every no of a tenant, as the key of a sentence. */
import type { TenantRefusal } from "../protocol/words";

export const TENANT_REFUSALS: Record<TenantRefusal, string> = {
  notFound: "tenant-refused-not-found",
  notAnExpert: "tenant-refused-not-an-expert",
  badText: "tenant-refused-bad-text",
  badLife: "tenant-refused-bad-life",
  tooManyCases: "tenant-refused-too-many-cases",
  tooManyLinks: "tenant-refused-too-many-links",
  caseClosed: "tenant-refused-case-closed",
  linkExpired: "tenant-refused-link-expired",
  linkRevoked: "tenant-refused-link-revoked",
  tenantClosed: "tenant-refused-tenant-closed",
};
