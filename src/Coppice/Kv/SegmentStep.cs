namespace Coppice.Kv;

/// <summary>What one step does with a segment, and its place in the step's forest.</summary>
internal sealed class SegmentStep
{
    /// <summary>Tokens that the step adds.</summary>
    public int Rows { get; set; }

    /// <summary>Pages that are reserved for them.</summary>
    public int Pages { get; set; }

    /// <summary>Index of the work that adds them.</summary>
    public int Work { get; set; }

    /// <summary>Runs of rows below it, and its own, that read it together with others.</summary>
    public int Readers { get; set; }

    /// <summary>The step in which it was included, and the one in which a child was.</summary>
    public long Included { get; set; }

    /// <inheritdoc cref="Included"/>
    public long Parted { get; set; }

    /// <summary>The forest's links; they hold only in the step they were made in.</summary>
    public Segment? FirstChild { get; set; }

    /// <inheritdoc cref="FirstChild"/>
    public Segment? LastChild { get; set; }

    /// <inheritdoc cref="FirstChild"/>
    public Segment? NextSibling { get; set; }

    /// <summary>Forgets the segments around it.</summary>
    public void Unlink() => (FirstChild, LastChild, NextSibling) = (null, null, null);
}
