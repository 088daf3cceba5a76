using Coppice.Perception.Data;

namespace Coppice.Perception.Tests.Training;

/// <summary>Grey scenes with one or two blocks of colour: the colour is the class, the brightness the distance.</summary>
internal sealed class BlockScenes(int count, int width, int height, int seed = 1) : ISceneSet
{
    private static readonly byte[][] s_colors = [[1, 0, 0], [0, 1, 0]];

    public string Name => $"blocks {width}x{height}, seed {seed}";

    public int Count => count;

    public bool WithLabels { get; init; } = true;

    public IReadOnlyList<string> ObjectClasses { get; } = ["red", "green"];

    public IReadOnlyList<string> LabelClasses { get; } = ["ground", "red", "green"];

    public Scene Read(int index)
    {
        var random = new Random((seed * 1000) + index);
        byte[] pixels = new byte[width * height * 3], labels = new byte[width * height];
        Array.Fill(pixels, (byte)100);
        var objects = new List<SceneObject>();
        for (int half = 0; half <= index % 2; half++)
        {
            int w = random.Next(width / 6, width / 3), h = random.Next(height / 4, height / 2), kind = random.Next(2);
            int x = random.Next(half * width / 2, ((half + 1) * width / 2) - w), y = random.Next(0, height - h);
            float distance = 10 + (40 * random.NextSingle());
            for (int at = 0; at < width * height; at++)
            {
                if (at % width < x || at % width >= x + w || at / width < y || at / width >= y + h) continue;
                labels[at] = (byte)(kind + 1);
                for (int c = 0; c < 3; c++) pixels[(3 * at) + c] = (byte)(s_colors[kind][c] * (255 - (4 * distance)));
            }

            objects.Add(new(kind, (float)x / width, (float)y / height, (float)(x + w) / width, (float)(y + h) / height, distance));
        }

        return new Scene(new RgbImage(width, height, pixels), objects, WithLabels ? labels : null);
    }
}
