using Coppice.Graphs;

namespace Coppice.Perception.Networks;

/// <summary>What the heads see of a backbone.</summary>
/// <param name="Res3">[batch, channels, height / 8, width / 8], rounded up.</param>
/// <param name="Res4">[batch, channels, height / 16, width / 16], rounded up.</param>
/// <param name="Res5">[batch, channels, height / 32, width / 32], rounded up.</param>
public sealed record Taps(Value Res3, Value Res4, Value Res5);

/// <summary>The shared part of a network.</summary>
/// <param name="layers">Adds layers to the image's graph.</param>
/// <param name="image">[batch, 3, height, width], RGB from 0 to 255.</param>
public delegate Taps Backbone(NetworkLayers layers, Value image);
