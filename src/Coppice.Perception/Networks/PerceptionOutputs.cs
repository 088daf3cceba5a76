using Coppice.Graphs;

namespace Coppice.Perception.Networks;

/// <summary>What a network yields; null where a task was not asked for.</summary>
/// <param name="Classes">[batch, anchors, classes + 1] logits; 0 is background.</param>
/// <param name="Boxes">[batch, anchors, 5]: dx, dy, dw, dh and the distance z, as <c>Detection.BoxCoding</c> writes them.</param>
/// <param name="Labels">[batch, label classes, height, width] logits, at a part of the image's size.</param>
public sealed record PerceptionOutputs(Value? Classes, Value? Boxes, Value? Labels);
