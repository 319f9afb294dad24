/** A layer of the model. */
export interface LayerInfo {
  name: string;
  kind: string;
  shapes: number[][];
  calls: number;
  parameters: number;
}

/** A place in the tree of layers: a part of a dotted name. */
export interface LayerNode {
  part: string;
  path: string;
  layer: LayerInfo | null;
  children: LayerNode[];
}

/** The layers by the parts of their dotted names. */
export function treeOf(layers: LayerInfo[]): LayerNode[] {
  const roots: LayerNode[] = [];
  for (const layer of layers) {
    let siblings = roots;
    let path = '';
    const parts = layer.name.split('.');
    for (const [index, part] of parts.entries()) {
      path = path ? `${path}.${part}` : part;
      let node = siblings.find((one) => one.part === part);
      if (!node) {
        node = { part, path, layer: null, children: [] };
        siblings.push(node);
      }
      if (index === parts.length - 1) node.layer = layer;
      siblings = node.children;
    }
  }
  return roots;
}

/** A layer's output in words: `16 × 73 × 91 × 78`. */
export function shapeText(layer: LayerInfo): string {
  return layer.shapes.map((shape) => shape.join(' × ')).join('; ');
}

/** Why a layer cannot be chosen, or nothing. */
export function closed(layer: LayerInfo, spatial: number): string | undefined {
  if (!layer.shapes.some((shape) => shape.length === spatial + 1)) {
    return 'Its output has no place in the image, so no map can be made of it.';
  }
  return undefined;
}

/** The names by which a layer is chosen: one per call. */
export function namesOf(layer: LayerInfo): string[] {
  return layer.calls === 1
    ? [layer.name]
    : Array.from({ length: layer.calls }, (_, call) => `${layer.name}#${call}`);
}
