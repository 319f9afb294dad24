/** Colours of outlines: what an expert drew, and what the model predicts. */
export const LABEL: [number, number, number] = [86, 232, 120];
export const PREDICTION: [number, number, number] = [72, 202, 255];
