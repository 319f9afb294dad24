/** Colours of outlines: what an expert drew, what the model predicts, and the place that is chosen. */
export const LABEL: [number, number, number] = [86, 232, 120];
export const PREDICTION: [number, number, number] = [72, 202, 255];
export const PLACE: [number, number, number] = [255, 196, 64];
