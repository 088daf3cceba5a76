using Coppice.Perception.Data;

namespace Coppice.Perception.Detection;

/// <summary>
/// What each anchor should answer for an image whose objects are known, by the rules of DSPNet's MultiBoxTarget: each object takes the
/// free anchor that it overlaps most (the pair with the greatest overlap first); then each free anchor that overlaps an object by more
/// than half takes the object that it overlaps most. Anchors below half are background if the loss picks them; see
/// <c>Losses.PerceptionLoss</c>. Keeps its memory from call to call: not safe for several threads.
/// </summary>
/// <param name="anchors">The anchors.</param>
public sealed class TargetAssignment(Anchors anchors)
{
    /// <summary>An anchor that counts neither as an object nor as background.</summary>
    public const long Ignored = -1;

    /// <summary>An anchor that may be picked as background.</summary>
    public const long Background = 0;

    private const float LeastOverlap = 1e-6f, MatchingOverlap = 0.5f, NegativeOverlap = 0.5f;

    private readonly float[] _overlaps = new float[anchors.Count];
    private readonly int[] _objects = new int[anchors.Count];
    private float[] _matrix = [];

    /// <summary>The anchors.</summary>
    public Anchors Anchors { get; } = anchors;

    /// <summary>Assigns an image's objects. With none, all anchors are background.</summary>
    /// <param name="objects">The objects; one without an area is passed over.</param>
    /// <param name="withDistance">Whether distances count.</param>
    /// <param name="classes">[anchors]: an object's class + 1, <see cref="Background"/> or <see cref="Ignored"/>.</param>
    /// <param name="boxes">[anchors, 5]: codes of the objects; zeros elsewhere.</param>
    /// <param name="mask">[anchors, 5]: 1 where a number counts, else 0.</param>
    /// <exception cref="ArgumentException">A span has another length.</exception>
    public void Assign(IReadOnlyList<SceneObject> objects, bool withDistance, Span<long> classes, Span<float> boxes, Span<float> mask)
    {
        ArgumentNullException.ThrowIfNull(objects);
        int count = Anchors.Count;
        if (classes.Length != count) throw new ArgumentException($"{classes.Length} classes; expected {count}", nameof(classes));
        if (boxes.Length != count * BoxCoding.Values) throw new ArgumentException($"{boxes.Length} numbers; expected {count} x {BoxCoding.Values}", nameof(boxes));
        if (mask.Length != boxes.Length) throw new ArgumentException($"{mask.Length} numbers; expected {boxes.Length}", nameof(mask));
        boxes.Clear();
        mask.Clear();
        FillOverlaps(objects);
        // Positive: matched in the first round or the second; _objects holds which.
        classes.Fill(Ignored);
        MatchObjects(objects, classes);
        for (int anchor = 0; anchor < count; anchor++)
        {
            if (classes[anchor] == Ignored)
            {
                if (_overlaps[anchor] > MatchingOverlap) classes[anchor] = objects[_objects[anchor]].Class + 1;
                else if (_overlaps[anchor] < NegativeOverlap) classes[anchor] = Background;
            }

            if (classes[anchor] <= 0) continue;
            SceneObject target = objects[_objects[anchor]];
            int at = anchor * BoxCoding.Values;
            BoxCoding.Encode(Anchors, anchor, target, boxes.Slice(at, BoxCoding.Values));
            bool knowsDistance = withDistance && !float.IsNaN(target.DistanceMeters);
            mask.Slice(at, knowsDistance ? BoxCoding.Values : BoxCoding.Values - 1).Fill(1);
            if (!knowsDistance) boxes[at + BoxCoding.Values - 1] = 0;
        }
    }

    /// <summary>Overlap of each object with each anchor, and each anchor's greatest; of equal ones, the first object's.</summary>
    private void FillOverlaps(IReadOnlyList<SceneObject> objects)
    {
        int count = Anchors.Count;
        if (_matrix.Length < objects.Count * count) _matrix = new float[objects.Count * count];
        Array.Clear(_overlaps);
        Array.Clear(_objects);
        ReadOnlySpan<float> centerX = Anchors.CenterX, centerY = Anchors.CenterY, widths = Anchors.Width, heights = Anchors.Height;
        for (int o = 0; o < objects.Count; o++)
        {
            SceneObject box = objects[o];
            Span<float> row = _matrix.AsSpan(o * count, count);
            float area = (box.X2 - box.X1) * (box.Y2 - box.Y1);
            if (!(box.X2 > box.X1 && box.Y2 > box.Y1))
            {
                row.Clear();
                continue;
            }

            for (int a = 0; a < row.Length; a++)
            {
                float halfWidth = widths[a] / 2, halfHeight = heights[a] / 2;
                float width = Math.Min(box.X2, centerX[a] + halfWidth) - Math.Max(box.X1, centerX[a] - halfWidth);
                float height = Math.Min(box.Y2, centerY[a] + halfHeight) - Math.Max(box.Y1, centerY[a] - halfHeight);
                float shared = Math.Max(0, width) * Math.Max(0, height);
                float overlap = shared / (area + (widths[a] * heights[a]) - shared);
                row[a] = overlap;
                if (overlap > _overlaps[a]) (_overlaps[a], _objects[a]) = (overlap, o);
            }
        }
    }

    /// <summary>First round: the greatest overlap of a free object and a free anchor, until objects or overlaps are used up.</summary>
    private void MatchObjects(IReadOnlyList<SceneObject> objects, Span<long> classes)
    {
        var open = new List<(int Object, int Anchor, float Overlap)>(objects.Count);
        for (int o = 0; o < objects.Count; o++) open.Add(Best(o, classes));
        while (open.Count > 0)
        {
            int next = 0;
            for (int i = 1; i < open.Count; i++)
            {
                if (open[i].Overlap > open[next].Overlap || (open[i].Overlap == open[next].Overlap && open[i].Anchor < open[next].Anchor)) next = i;
            }

            (int o, int anchor, float overlap) = open[next];
            if (overlap <= LeastOverlap) return;
            classes[anchor] = objects[o].Class + 1;
            _objects[anchor] = o;
            open.RemoveAt(next);
            for (int i = 0; i < open.Count; i++)
            {
                if (open[i].Anchor == anchor) open[i] = Best(open[i].Object, classes);
            }
        }
    }

    /// <summary>The free anchor that an object overlaps most; of equal ones, the first.</summary>
    private (int Object, int Anchor, float Overlap) Best(int o, ReadOnlySpan<long> classes)
    {
        ReadOnlySpan<float> row = _matrix.AsSpan(o * classes.Length, classes.Length);
        int best = -1;
        float most = 0;
        for (int a = 0; a < row.Length; a++)
        {
            if (row[a] > most && classes[a] == Ignored) (best, most) = (a, row[a]);
        }

        return (o, best, most);
    }
}
