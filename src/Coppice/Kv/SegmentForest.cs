namespace Coppice.Kv;

/// <summary>
/// The segments that a step needs, depth first: a segment before its children, those under one segment together. The links lie in
/// the segments, so that building it takes no memory.
/// </summary>
internal sealed class SegmentForest
{
    private long _step;
    private Segment? _last;

    /// <summary>The first segment.</summary>
    public Segment? First { get; private set; }

    /// <summary>Begins the next step's forest.</summary>
    public void Clear()
    {
        _step++;
        (First, _last) = (null, null);
    }

    /// <summary>Adds a segment and all above it.</summary>
    public void Include(Segment segment)
    {
        for (Segment? s = segment; s is not null && s.Step.Included != _step; s = s.Parent)
        {
            s.Step.Included = _step;
            s.Step.NextSibling = null;
            if (s.Parent is null) AppendRoot(s);
            else Append(s.Parent.Step, s);
        }
    }

    /// <summary>The segment after one, or null.</summary>
    public Segment? Next(Segment segment)
    {
        if (segment.Step.Parted == _step) return segment.Step.FirstChild;
        for (Segment? s = segment; s is not null; s = s.Parent)
            if (s.Step.NextSibling is { } sibling) return sibling;
        return null;
    }

    private void AppendRoot(Segment root)
    {
        if (_last is null) First = root;
        else _last.Step.NextSibling = root;
        _last = root;
    }

    private void Append(SegmentStep parent, Segment child)
    {
        if (parent.Parted != _step)
        {
            parent.Parted = _step;
            parent.FirstChild = child;
        }
        else
        {
            parent.LastChild!.Step.NextSibling = child;
        }

        parent.LastChild = child;
    }
}
