/** The expert's cases: opening, links, closing. */
import { expect, test } from "vitest";
import type { TenantEvent } from "../src/protocol/words";
import { emptyTenant, fold, goodLink } from "../src/tenant/tenant";

const open = (id: string): TenantEvent => ({
  kind: "opened", case: id, expert: "person_e", customer: "person_c", title: id,
});
const after = (...events: TenantEvent[]) =>
  events.reduce((tenant, event, place) => fold(tenant, place, event), emptyTenant);

test("the newest case stands first", () => {
  expect(after(open("case_1"), open("case_2")).cases.map((one) => one.case)).toEqual(["case_2", "case_1"]);
});

test("the newest link that is neither revoked nor expired is the good one", () => {
  const tenant = after(
    open("case_1"),
    { kind: "invited", case: "case_1", link: "link_1", until: 100 },
    { kind: "invited", case: "case_1", link: "link_2", until: 50 },
    { kind: "invited", case: "case_1", link: "link_3", until: 100 },
    { kind: "revoked", link: "link_3" },
  );
  expect(goodLink(tenant.cases[0]!, 10)?.link).toBe("link_2");
  expect(goodLink(tenant.cases[0]!, 60)?.link).toBe("link_1");
  expect(goodLink(tenant.cases[0]!, 100)).toBe(undefined);
});

test("a closed case stays, closed", () => {
  expect(after(open("case_1"), { kind: "closed", case: "case_1" }).cases).toMatchObject([{ closed: true }]);
});
