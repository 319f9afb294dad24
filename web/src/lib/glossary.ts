/** Technical words, in plain ones. */
export const GLOSSARY: Record<string, string> = {
  model: 'The trained network whose decision is to be explained.',
  image: 'The picture or volume that is given to the model.',
  label: 'What an expert drew on the image, to compare with. It changes nothing in the maps.',
  target: 'What is to be explained: one class of the answer, or a region of the predicted segmentation.',
  class: 'One of the answers the model can give, such as “vessel” or “grey matter”.',
  score: 'The number that is explained: how strongly the model speaks for the target.',
  region: 'The voxels that are explained, such as one lesion.',
  voxel: 'One point of a volume: what a pixel is to a picture.',
  layer:
    'One of the steps in which the network processes the image. Early ones see edges, deep ones see meaning.',
  map: 'A picture that says of every voxel how much it mattered for the target.',
  method: 'One way of finding out what mattered. Different methods answer slightly different questions.',
  sweep:
    'A series of passes through the model. Methods that need the same one share it, so that it costs only once.',
  passes: 'How often the image goes through the model.',
  device: 'What computes: the processor (CPU) or a graphics card (CUDA), which is faster.',
  precision:
    'How many digits are kept. float32 is exact enough for everything; shorter ones are faster on graphics cards.',
  patches:
    'Large volumes are taken in overlapping pieces, so that they fit into memory. The maps are put together exactly.',
  overlap: 'How much of a piece is shared with the next one.',
  blend: 'How overlapping pieces are mixed: all alike, or the middle of each piece counting more.',
  seed: 'The number from which chance is started. The same seed gives the same maps.',
  preset: 'A choice of methods for a purpose. It can be changed afterwards.',
  threshold: 'Weaker values than this share of the strongest are not drawn.',
  opacity: 'How strongly the map covers the image.',
  sign: 'Positive values speak for the target, negative ones against it.',
  projection:
    'Looking through the whole volume: of all values along the line of sight the strongest is shown.',
  render: 'The volume as a solid body that can be turned with the mouse.',
  crosshair: 'The place that all views show. It moves together in all maps.',
  metric: 'A number that says how good a map is, by a fixed rule.',
  cascade:
    'A check: the network’s learnt weights are replaced by chance, layer after layer. A trustworthy map falls apart.',
  baseline: 'What stands for “nothing there” when a method asks: compared with what?',
  checkpoint: 'The file with a network’s learnt numbers (weights).',
  logit: 'The raw number that the model gives for a class, before it becomes a probability.',
  config: 'A file with all choices, from which the same run can be made again.',
  incompatible: 'The method cannot be had here, for the reason that is given.',
  partial: 'Stopped at its time limit, with what was done until then.',
  queue: 'Runs that wait until those before them are done.',
  segmentation: 'An answer for every voxel: which class it belongs to.',
  prediction: 'What the model says about the image, before anything is explained.',
  radiological: 'As radiologists look at slices: the patient’s left is on the right of the picture.',
};
