/** Where the keyboard and the reader's ear are. */

/** Takes the focus once: a new page begins at its heading. */
export function focused(element: HTMLElement): void {
  element.focus({ preventScroll: true });
}

/** Which element an arrow key leads to; undefined for other keys. */
function step(key: string, place: number, count: number): number | undefined {
  switch (key) {
    case "ArrowRight":
    case "ArrowDown":
      return (place + 1) % count;
    case "ArrowLeft":
    case "ArrowUp":
      return (place - 1 + count) % count;
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return undefined;
  }
}

/** Makes the buttons inside one tab stop, walked by arrow keys (ARIA's toolbar and tabs). */
export function roving(element: HTMLElement): () => void {
  const stops = () =>
    [...element.querySelectorAll<HTMLElement>("button")].filter((one) => one.offsetParent !== null);
  const settle = (at?: HTMLElement) => {
    const all = stops();
    const current =
      at ?? all.find((one) => one.getAttribute("aria-selected") === "true") ??
      all.find((one) => one.tabIndex === 0) ?? all[0];
    for (const one of all) one.tabIndex = one === current ? 0 : -1;
  };
  const walk = (event: KeyboardEvent) => {
    const all = stops();
    const to = step(event.key, all.indexOf(event.target as HTMLElement), all.length);
    if (to === undefined) return;
    event.preventDefault();
    settle(all[to]);
    all[to]?.focus();
    if (all[to]?.role === "tab") all[to].click();
  };
  const visit = (event: FocusEvent) => {
    if (event.target instanceof HTMLButtonElement) settle(event.target);
  };
  // Buttons come and go with the width of the page and with what a person may do.
  const watcher = new MutationObserver(() => settle());
  watcher.observe(element, { childList: true, subtree: true, attributeFilter: ["aria-selected"] });
  element.addEventListener("keydown", walk);
  element.addEventListener("focusin", visit);
  settle();
  return () => {
    watcher.disconnect();
    element.removeEventListener("keydown", walk);
    element.removeEventListener("focusin", visit);
  };
}

/** Opens a native dialog as soon as it is there. */
export function modal(element: HTMLDialogElement): void {
  element.showModal();
}
