// Writes the licences of all bundled packages beside the build.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const wanted = ['@niivue/niivue', 'nifti-reader-js', 'svelte'];
const seen = new Set();

function collect(name) {
  if (seen.has(name) || name === 'zarrita') return;
  seen.add(name);
  for (const next of Object.keys(lock.packages[`node_modules/${name}`]?.dependencies ?? {})) {
    if (name !== 'svelte') collect(next);
  }
}
wanted.forEach(collect);

const parts = [...seen].sort().map((name) => {
  const folder = join('node_modules', name);
  const { license, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  const own = join('licences', `${name.split('/').pop()}.txt`); // for packages that ship none
  const text = readFileSync(file ? join(folder, file) : own, 'utf8').trim();
  return `${name} ${version} (${license})\n\n${text}`;
});
writeFileSync('../src/torchesegeta/web/static/licences.txt', parts.join(`\n\n${'-'.repeat(80)}\n\n`) + '\n');
