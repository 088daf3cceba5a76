using System.Collections.Concurrent;
using Coppice.Perception.Data.Streets;

namespace Coppice.Perception.Data;

/// <summary>
/// Streets drawn by this code, without end: each index of each seed is a street of its own with exact labels, boxes and distances.
/// The same seed, index and size give the same bytes on one machine.
/// </summary>
/// <remarks>
/// <para>A pinhole camera of focal length <see cref="FocalLength"/> times the width looks along a street from 1.15 to 1.6 m above
/// the ground, turned by a few degrees. Every thing is made of flat surfaces in space; a pixel belongs to the nearest surface that
/// the ray through its middle meets, and that surface's class is its label: labels have no soft edges.</para>
/// <para>A box spans the pixels of an object that are seen, as Cityscapes' boxes do. Objects of which less than a quarter is seen
/// (of what lies within the picture), and those below a few pixels, have no box. Distance is measured along the ground from the
/// camera to the nearest point of the object.</para>
/// </remarks>
public sealed class SyntheticStreets : ISceneSet
{
    /// <summary>Focal length as a multiple of the picture's width, close to Cityscapes' camera (2262.5 / 2048).</summary>
    public const float FocalLength = 1.1f;

    private readonly ulong _seed;
    private readonly int _samples;
    private readonly ConcurrentBag<StreetRenderer> _renderers = [];

    /// <summary>A sequence of streets.</summary>
    /// <param name="seed">Chooses the sequence; see <see cref="SeedOf"/>.</param>
    /// <param name="count">How many, at least 1; nothing is kept, so it may be <see cref="int.MaxValue"/>.</param>
    /// <param name="width">Columns, 16 to 4096.</param>
    /// <param name="height">Rows, 16 to 4096.</param>
    /// <param name="samples">Rays a pixel for its colour, 1 to 64: more are slower and smoother.</param>
    public SyntheticStreets(ulong seed, int count, int width, int height, int samples = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 16);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(width, 4096);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 16);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(height, 4096);
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(samples, 64);
        (_seed, Count, Width, Height, _samples) = (seed, count, width, height, samples);
    }

    /// <inheritdoc/>
    public string Name => $"synthetic streets, seed {_seed}, {Width}x{Height}{(LeastHeight > 0 ? $", boxes from {LeastHeight:0.###} of the height" : "")}";

    /// <inheritdoc/>
    public int Count { get; }

    /// <summary>Which sequence.</summary>
    public ulong Seed => _seed;

    /// <summary>Columns of each picture.</summary>
    public int Width { get; }

    /// <summary>Rows of each picture.</summary>
    public int Height { get; }

    /// <summary>
    /// The least height of a box as a share of the picture's, 0 to 1: far objects are then drawn without one, as in KITTI's groups of
    /// difficulty, so that small pictures ask for nothing that is a few pixels. 0 for the limits that always hold.
    /// </summary>
    public float LeastHeight { get; init; }

    /// <inheritdoc/>
    public IReadOnlyList<string> ObjectClasses => SceneClasses.Objects;

    /// <inheritdoc/>
    public IReadOnlyList<string> LabelClasses => SceneClasses.Street;

    /// <summary>The seed that stands for a split, so that training, choosing and measuring never share a street.</summary>
    /// <param name="split"><c>train</c>, <c>val</c> or <c>test</c>.</param>
    /// <exception cref="ArgumentException">There is no such split.</exception>
    public static ulong SeedOf(string split) => split switch
    {
        "train" => 1,
        "val" => 2,
        "test" => 3,
        _ => throw new ArgumentException($"synthetic streets have the splits train, val and test; got '{split}'", nameof(split)),
    };

    /// <inheritdoc/>
    public Scene Read(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        if (!_renderers.TryTake(out StreetRenderer? renderer)) renderer = new(Width, Height);
        var random = new SceneRandom(_seed, index, 1);
        var world = new StreetWorld(Camera(ref random), StreetConditions.Draw(ref random));
        StreetBuilder.Build(new SceneRandom(_seed, index, 2), world);
        // What is smaller than 5 pixels of a row of 512 is not told apart, and no network is asked to.
        int side = Math.Max(3, Width / 100), pixels = Math.Max(12, Width * Height / 2600);
        Scene scene = renderer.Draw(world, _samples, new(0.25f, side, Math.Max(side, (int)MathF.Ceiling(LeastHeight * Height)), pixels), ref random);
        _renderers.Add(renderer);
        return scene;
    }

    private StreetCamera Camera(ref SceneRandom random) => new(
        Width, Height, FocalLength * Width, random.Between(1.15, 1.6),
        yaw: 0.05f * random.Normal(), pitch: 0.012f * random.Normal() + 0.01f, roll: 0.008f * random.Normal());
}
