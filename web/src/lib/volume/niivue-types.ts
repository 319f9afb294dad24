/** A colour map as NiiVue takes it: values 0 to 255 at the places I. */
export interface ColorMap {
  R: number[];
  G: number[];
  B: number[];
  A: number[];
  I: number[];
}
