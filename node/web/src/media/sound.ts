/** Hearing: how loud the own microphone is, and a tone to test the speaker with. */

let context: AudioContext | undefined;

/** One for the page: browsers allow few. It starts asleep until the person touches something. */
function audio(): AudioContext {
  if (!context) {
    const made = new AudioContext();
    const wake = () => void made.resume();
    addEventListener("pointerdown", wake, { once: true });
    addEventListener("keydown", wake, { once: true });
    context = made;
  }
  if (context.state === "suspended") void context.resume();
  return context;
}

const LEVELS_PER_SECOND = 12;
/** Speech is rarely louder than this part of full scale; the meter's end. */
const LOUD = 0.22;

/** Tells how loud a track is, 0..1, until the returned function is called. */
export function measure(track: MediaStreamTrack, tell: (level: number) => void): () => void {
  const source = audio().createMediaStreamSource(new MediaStream([track]));
  const analyser = audio().createAnalyser();
  analyser.fftSize = 1024;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, one) => sum + one * one, 0) / samples.length;
    tell(Math.min(1, Math.sqrt(power) / LOUD));
  }, 1000 / LEVELS_PER_SECOND);
  return () => {
    clearInterval(timer);
    source.disconnect();
    tell(0);
  };
}

/** Three friendly tones on the chosen speaker. Made here: nothing is fetched. */
export async function testTone(speaker: string): Promise<void> {
  const player = audio();
  const out = player.createMediaStreamDestination();
  const start = player.currentTime + 0.05;
  [523.25, 659.25, 783.99].forEach((pitch, place) => {
    const tone = player.createOscillator();
    const gain = player.createGain();
    const at = start + place * 0.22;
    tone.frequency.value = pitch;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.25, at + 0.03);
    gain.gain.linearRampToValueAtTime(0, at + 0.32);
    tone.connect(gain).connect(out);
    tone.start(at);
    tone.stop(at + 0.35);
  });
  const element = new Audio();
  element.srcObject = out.stream;
  await playOn(element, speaker);
  await element.play();
  await new Promise((done) => setTimeout(done, 1100));
  element.srcObject = null;
}

/** Whether this browser lets the page choose the speaker. */
export const speakerCanBeChosen = (): boolean => "setSinkId" in HTMLMediaElement.prototype;

/** Plays an element on a speaker; the browser's own choice stays when it cannot. */
export async function playOn(element: HTMLMediaElement, speaker: string): Promise<void> {
  if (!speakerCanBeChosen()) return;
  await element.setSinkId(speaker).catch(() => undefined);
}
