/** The page of whoever runs the cluster. */
import "./style/index.css";
import { mount } from "svelte";
import OperatorPage from "./operator/OperatorPage.svelte";
import { alsoSay, speakFirst } from "./text/text.svelte";

alsoSay({
  de: async () => (await import("../texts/operator/de.ftl?raw")).default,
  en: async () => (await import("../texts/operator/en.ftl?raw")).default,
});
await speakFirst();
mount(OperatorPage, { target: document.getElementById("page")! });
