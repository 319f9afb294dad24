import { AGAINST, FOR, PALETTES, alphaAt, colourAt } from './colours';
import type { Plane } from './layers';

/** What lies on top of each other in a plane; all planes are of one size. */
export interface Painting {
  /** One grey plane, or red, green and blue. */
  base: Plane[];
  /** The base's values that are black and white; infinite where it is not shown. */
  window: [number, number];
  map: Plane | null;
  palette: string;
  diverging: boolean;
  reach: number;
  threshold: number;
  opacity: number;
  outlines: { plane: Plane; colour: [number, number, number] }[];
}

/** The painting's pixels, row by row from the top: (height · width · 4). */
export function paint(painting: Painting, flipX: boolean, flipY: boolean): ImageData {
  const { width, height } = painting.base[0]!;
  const image = new ImageData(width, height);
  const ramp = rampOf(painting);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const from = (flipY ? height - 1 - row : row) * width + (flipX ? width - 1 - column : column);
      image.data.set(pixel(painting, ramp, from), (row * width + column) * 4);
    }
  }
  return image;
}

interface Ramp {
  positive: Uint8ClampedArray;
  negative: Uint8ClampedArray;
  alpha: Float32Array;
}

const STEPS = 256;

function rampOf({ palette, diverging, opacity }: Painting): Ramp {
  const up = diverging ? FOR : (PALETTES[palette] ?? PALETTES.magma!);
  const down = diverging ? AGAINST : up;
  const ramp = {
    positive: new Uint8ClampedArray(STEPS * 3),
    negative: new Uint8ClampedArray(STEPS * 3),
    alpha: new Float32Array(STEPS),
  };
  for (let step = 0; step < STEPS; step++) {
    ramp.positive.set(colourAt(up, step / (STEPS - 1)), step * 3);
    ramp.negative.set(colourAt(down, step / (STEPS - 1)), step * 3);
    ramp.alpha[step] = opacity * alphaAt(step / (STEPS - 1));
  }
  return ramp;
}

function pixel(painting: Painting, ramp: Ramp, at: number): [number, number, number, number] {
  const [low, high] = painting.window;
  const grey = painting.base.map(({ data }) =>
    Number.isFinite(low) ? (255 * (data[at]! - low)) / (high - low) : 0,
  );
  let colour = (grey.length >= 3 ? grey.slice(0, 3) : [grey[0]!, grey[0]!, grey[0]!]).map((value) =>
    Math.min(255, Math.max(0, value)),
  ) as [number, number, number];
  const value = painting.map?.data[at] ?? 0;
  const share = Math.min(1, Math.abs(value) / painting.reach);
  if (value !== 0 && share >= painting.threshold) {
    const step = Math.round(share * (STEPS - 1));
    const over = (value > 0 ? ramp.positive : ramp.negative).subarray(step * 3, step * 3 + 3);
    colour = mix(colour, [over[0]!, over[1]!, over[2]!], ramp.alpha[step]!);
  }
  for (const { plane, colour: line } of painting.outlines) {
    if (plane.data[at]! > 0) colour = mix(colour, line, 0.9);
  }
  return [...colour, 255];
}

function mix(under: number[], over: number[], alpha: number): [number, number, number] {
  return [0, 1, 2].map((channel) => under[channel]! * (1 - alpha) + over[channel]! * alpha) as [
    number,
    number,
    number,
  ];
}
