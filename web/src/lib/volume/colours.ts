import type { ColorMap } from './niivue-types';

/** Colours along a scale from weak to strong, by their stops (red, green, blue). */
export interface Palette {
  title: string;
  stops: [number, number, number][];
}

/** One-signed scales, perceptually even, and safe for the colour-blind. */
export const PALETTES: Record<string, Palette> = {
  magma: {
    title: 'Magma',
    stops: [
      [81, 18, 124],
      [183, 55, 121],
      [252, 137, 97],
      [252, 253, 191],
    ],
  },
  viridis: {
    title: 'Viridis',
    stops: [
      [59, 82, 139],
      [33, 145, 140],
      [94, 201, 98],
      [253, 231, 37],
    ],
  },
  reds: {
    title: 'Reds (as in the paper)',
    stops: [
      [252, 187, 161],
      [251, 106, 74],
      [203, 24, 29],
      [103, 0, 13],
    ],
  },
  cividis: {
    title: 'Cividis',
    stops: [
      [53, 69, 108],
      [124, 123, 120],
      [187, 173, 108],
      [254, 232, 56],
    ],
  },
};

/** The two halves of the diverging scale: what speaks for, and what speaks against. */
export const FOR: Palette = {
  title: 'For',
  stops: [
    [253, 219, 199],
    [244, 165, 130],
    [214, 96, 77],
    [178, 24, 43],
  ],
};
export const AGAINST: Palette = {
  title: 'Against',
  stops: [
    [209, 229, 240],
    [146, 197, 222],
    [67, 147, 195],
    [33, 102, 172],
  ],
};

/** A palette's colour at a share of its length. */
export function colourAt(palette: Palette, share: number): [number, number, number] {
  const place = Math.min(1, Math.max(0, share)) * (palette.stops.length - 1);
  const index = Math.min(palette.stops.length - 2, Math.floor(place));
  const [from, to] = [palette.stops[index]!, palette.stops[index + 1]!];
  return [0, 1, 2].map((channel) => from[channel]! + (to[channel]! - from[channel]!) * (place - index)) as [
    number,
    number,
    number,
  ];
}

/** Opacity at a share of the scale: rising with magnitude, so that nothing shows the anatomy. */
export function alphaAt(share: number): number {
  return Math.min(1, 1.6 * Math.max(0, share));
}

/** A palette for NiiVue, which knows no more of opacity than whether there is any. */
export function niivueColours(palette: Palette): ColorMap {
  const steps = 16;
  const map: ColorMap = { R: [0], G: [0], B: [0], A: [0], I: [0] };
  for (let step = 0; step <= steps; step++) {
    const [red, green, blue] = colourAt(palette, step / steps).map(Math.round) as [number, number, number];
    map.R.push(red);
    map.G.push(green);
    map.B.push(blue);
    map.A.push(255);
    map.I.push(Math.max(1, Math.round((255 * step) / steps)));
  }
  return map;
}

/** A palette as a CSS gradient, weak to strong. */
export function cssGradient(palette: Palette, direction: 'to right' | 'to left' = 'to right'): string {
  return `linear-gradient(${direction}, ${palette.stops.map((stop) => `rgb(${stop.join(' ')})`).join(', ')})`;
}
