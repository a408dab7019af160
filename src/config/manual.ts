import type { Setting } from './setting.ts';
import { envName, SETTINGS } from './settings.ts';
import { CONFIG_VARIABLE } from './sources.ts';

const CONFIG_LINE = {
  name: CONFIG_VARIABLE,
  key: undefined,
  about: 'Path of a YAML file that holds any of the keys below; variables win over it',
  fallbackText: 'none',
};

function manualLines(): readonly {
  name: string;
  key: string | undefined;
  about: string;
  fallbackText: string;
}[] {
  return [
    CONFIG_LINE,
    ...SETTINGS.map((setting) => ({ ...setting, name: envName(setting.key), about: aboutOf(setting) })),
  ];
}

function aboutOf({ about, unavailable }: Setting<unknown>): string {
  return unavailable === true ? `${about} (not available yet)` : about;
}

/** Every setting as a Markdown table for the README: variable, YAML key, meaning, default. */
export function configurationTable(): string {
  const rows = manualLines().map(({ name, key, about, fallbackText }) => {
    const yaml = key === undefined ? '' : `\`${key}\``;
    return `| \`${name}\` | ${yaml} | ${about} | ${fallbackText} |`;
  });
  return ['| Variable | YAML key | Meaning | Default |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

/** Every setting as lines for a terminal. */
export function configurationHelp(): string {
  return manualLines()
    .map(({ name, about, fallbackText }) => `  ${name}\n      ${about}.\n      Default: ${fallbackText}.`)
    .join('\n');
}
