/** The page behind a guest link and behind "open room". */
import "./style/index.css";
import { mount } from "svelte";
import RoomPage from "./room/RoomPage.svelte";
import { speakFirst } from "./text/text.svelte";

await speakFirst();
mount(RoomPage, { target: document.getElementById("page")! });
