const VOICES = ['debug', 'info', 'log', 'trace', 'warn', 'error'] as const;

/** Clients say everything that they do on the console; the answer makes the console speak again. */
export function silenceConsole(): () => void {
  const voices = VOICES.map((name) => [name, console[name]] as const);
  for (const name of VOICES) console[name] = () => undefined;
  return () => {
    for (const [name, voice] of voices) console[name] = voice;
  };
}
