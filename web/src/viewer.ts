import { mount } from 'svelte';
import base from './styles/base.css?inline';
import tokens from './styles/tokens.css?inline';
import Standalone from './viewer/Standalone.svelte';
import type { Embedded } from './viewer/embedded';

document.head.append(Object.assign(document.createElement('style'), { textContent: tokens + base }));

/** Show the maps that the page holds in its element `esegeta-data`. */
const data = JSON.parse(
  document.getElementById('esegeta-data')?.textContent ?? '{"title": "", "images": []}',
) as Embedded;
mount(Standalone, { target: document.getElementById('esegeta-viewer') ?? document.body, props: { data } });
