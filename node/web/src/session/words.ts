/** Every no about who somebody is and what they may: session, vault, rights, accounts; as keys of sentences. */
import type { AccountsRefusal, RightsRefusal, SessionRefusal, VaultRefusal } from "../protocol/words";

export const SESSION_REFUSALS: Record<SessionRefusal, string> = {
  notFound: "session-refused-not-found",
  closed: "session-refused-closed",
  expired: "session-refused-expired",
};

export const VAULT_REFUSALS: Record<VaultRefusal, string> = {
  notFound: "vault-refused-not-found",
  badName: "vault-refused-bad-name",
  loginTaken: "vault-refused-login-taken",
  notAllowed: "vault-refused-not-allowed",
};

export const RIGHTS_REFUSALS: Record<RightsRefusal, string> = {
  notAllowed: "rights-refused-not-allowed",
};

export const ACCOUNTS_REFUSALS: Record<AccountsRefusal, string> = {
  notAllowed: "accounts-refused-not-allowed",
  notFound: "accounts-refused-not-found",
  critical: "accounts-refused-critical",
  notCritical: "accounts-refused-not-critical",
  own: "accounts-refused-own",
  samePerson: "accounts-refused-same-person",
  notApproved: "accounts-refused-not-approved",
  approved: "accounts-refused-approved",
  lapsed: "accounts-refused-lapsed",
  badLife: "accounts-refused-bad-life",
  already: "accounts-refused-already",
  notHeld: "accounts-refused-not-held",
  lastAdministrator: "accounts-refused-last-administrator",
  tooMany: "accounts-refused-too-many",
  noSuchRole: "accounts-refused-no-such-role",
  founded: "accounts-refused-founded",
};
