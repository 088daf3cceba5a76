using Coppice.Perception.Data;
using Coppice.Perception.Detection;

namespace Coppice.Perception.Tests.Detection;

/// <summary>
/// The rules of anchors, targets and decoding written down once more, as plainly as they are stated and without regard to time.
/// </summary>
internal static class SlowDetection
{
    public sealed record Box(float X1, float Y1, float X2, float Y2)
    {
        public float Area => (X2 - X1) * (Y2 - Y1);
    }

    /// <summary>Centre and size of each anchor.</summary>
    public static List<(float X, float Y, float Width, float Height)> AnchorsOf(int width, int height)
    {
        (float[] Sizes, float[] Ratios)[] levels =
        [
            ([.1f, .141f], [1, 2, .5f]),
            ([.2f, .272f], [1, 2, .5f, 3, 1f / 3]),
            ([.37f, .447f], [1, 2, .5f, 3, 1f / 3]),
            ([.54f, .619f], [1, 2, .5f, 3, 1f / 3]),
            ([.71f, .79f], [1, 2, .5f]),
            ([.88f, .961f], [1, 2, .5f]),
        ];
        var anchors = new List<(float, float, float, float)>();
        int rows = height, columns = width;
        for (int halving = 1; halving <= 9; halving++)
        {
            (rows, columns) = ((rows + 1) / 2, (columns + 1) / 2);
            if (halving < 4) continue;
            (float[] sizes, float[] ratios) = levels[halving - 4];
            for (int cell = 0; cell < rows * columns; cell++)
            {
                float x = ((cell % columns) + .5f) / columns, y = ((cell / columns) + .5f) / rows, square = (float)rows / columns;
                foreach (float size in sizes) anchors.Add((x, y, size * square, size));
                foreach (float ratio in ratios[1..])
                    anchors.Add((x, y, sizes[0] * square * MathF.Sqrt(ratio), sizes[0] / MathF.Sqrt(ratio)));
            }
        }

        return anchors;
    }

    public static float Overlap(Box a, Box b)
    {
        float shared = Math.Max(0, Math.Min(a.X2, b.X2) - Math.Max(a.X1, b.X1)) * Math.Max(0, Math.Min(a.Y2, b.Y2) - Math.Max(a.Y1, b.Y1));
        float union = a.Area + b.Area - shared;
        return union <= 0 ? 0 : shared / union;
    }

    /// <summary>The class of each anchor (-1 for ignored) and the object that it takes (-1 for none).</summary>
    public static (long[] Classes, int[] Objects) Assign(
        List<(float X, float Y, float Width, float Height)> anchors, IReadOnlyList<SceneObject> objects)
    {
        float OverlapOf(int a, int o)
        {
            (float x, float y, float width, float height) = anchors[a];
            SceneObject box = objects[o];
            float shared = Math.Max(0, Math.Min(x + (width / 2), box.X2) - Math.Max(x - (width / 2), box.X1))
                * Math.Max(0, Math.Min(y + (height / 2), box.Y2) - Math.Max(y - (height / 2), box.Y1));
            float area = (box.X2 - box.X1) * (box.Y2 - box.Y1);
            return area <= 0 ? 0 : shared / (area + (width * height) - shared);
        }

        int[] taken = [.. anchors.Select(_ => -1)];
        // Pairs in order of overlap: a pair whose anchor and object are both free is a match.
        var pairs = Enumerable.Range(0, anchors.Count)
            .SelectMany(a => Enumerable.Range(0, objects.Count).Select(o => (Anchor: a, Object: o, Overlap: OverlapOf(a, o))))
            .OrderByDescending(p => p.Overlap).ThenBy(p => p.Anchor).ThenBy(p => p.Object);
        foreach ((int a, int o, float overlap) in pairs)
        {
            if (overlap > 1e-6f && taken[a] < 0 && !taken.Contains(o)) taken[a] = o;
        }

        var classes = new long[anchors.Count];
        for (int a = 0; a < anchors.Count; a++)
        {
            (float most, int first) = (0, -1);
            for (int o = 0; o < objects.Count; o++)
            {
                if (OverlapOf(a, o) > most) (most, first) = (OverlapOf(a, o), o);
            }

            if (taken[a] < 0 && most > .5f) taken[a] = first;
            classes[a] = taken[a] >= 0 ? objects[taken[a]].Class + 1 : most < .5f ? 0 : -1;
        }

        return (classes, taken);
    }

    public static float[] Code((float X, float Y, float Width, float Height) anchor, SceneObject box) =>
    [
        (((box.X1 + box.X2) / 2) - anchor.X) / anchor.Width / .1f,
        (((box.Y1 + box.Y2) / 2) - anchor.Y) / anchor.Height / .1f,
        MathF.Log((box.X2 - box.X1) / anchor.Width) / .2f,
        MathF.Log((box.Y2 - box.Y1) / anchor.Height) / .2f,
        box.DistanceMeters / 255 / .1f,
    ];

    public static List<DetectedObject> Decode(
        List<(float X, float Y, float Width, float Height)> anchors, float[][] logits, float[][] boxes, DecodingOptions options)
    {
        var all = new List<(int Anchor, DetectedObject Found)>();
        for (int a = 0; a < anchors.Count; a++)
        {
            double sum = logits[a].Sum(l => Math.Exp(l));
            float most = logits[a][1..].Max();
            int best = Array.IndexOf(logits[a], most, 1);
            var score = (float)(Math.Exp(most) / sum);
            if (score < options.ScoreThreshold) continue;
            (float ax, float ay, float aw, float ah) = anchors[a];
            float[] code = boxes[a];
            float x = (code[0] * .1f * aw) + ax, y = (code[1] * .1f * ah) + ay, w = MathF.Exp(code[2] * .2f) * aw, h = MathF.Exp(code[3] * .2f) * ah;
            float[] corners = [x - (w / 2), y - (h / 2), x + (w / 2), y + (h / 2)];
            for (int i = 0; i < 4; i++) corners[i] = Math.Min(1, Math.Max(0, corners[i]));
            all.Add((a, new(best - 1, score, corners[0], corners[1], corners[2], corners[3], Math.Min(1, Math.Max(0, code[4] * .1f)) * 255)));
        }

        List<DetectedObject> sorted = [.. all.OrderByDescending(f => f.Found.Score).ThenBy(f => f.Anchor).Take(options.Candidates).Select(f => f.Found)];
        var gone = new bool[sorted.Count];
        for (int i = 0; i < sorted.Count; i++)
        {
            for (int j = i + 1; j < sorted.Count && !gone[i]; j++)
            {
                gone[j] |= (options.AcrossClasses || sorted[j].Class == sorted[i].Class) && Overlap(BoxOf(sorted[i]), BoxOf(sorted[j])) >= options.OverlapThreshold;
            }
        }

        return [.. sorted.Where((_, i) => !gone[i])];

        static Box BoxOf(DetectedObject o) => new(o.X1, o.Y1, o.X2, o.Y2);
    }
}
