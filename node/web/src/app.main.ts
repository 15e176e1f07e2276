/** The page of the people who work here: sign-in and start. */
import "./style/index.css";
import { mount } from "svelte";
import AppPage from "./session/AppPage.svelte";
import { speakFirst } from "./text/text.svelte";

await speakFirst();
mount(AppPage, { target: document.getElementById("page")! });
