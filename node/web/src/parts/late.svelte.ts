/** What passes by itself in a moment is not shown: a sign that appears only after a while. */

/** How long something may be wrong before a person hears of it. */
const PATIENCE_MS = 1500;

/** True once `is` has been true for a while; false at once when it is not. Inside a component only. */
export function late(is: () => boolean): { readonly now: boolean } {
  let now = $state(false);
  const wrong = $derived(is());
  $effect(() => {
    if (!wrong) return;
    const timer = setTimeout(() => (now = true), PATIENCE_MS);
    return () => {
      clearTimeout(timer);
      now = false;
    };
  });
  return {
    get now() {
      return now;
    },
  };
}
