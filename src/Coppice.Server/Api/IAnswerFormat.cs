using Coppice.Server.Wire;

namespace Coppice.Server.Api;

/// <summary>One kind of completion on the wire: text or chat.</summary>
internal interface IAnswerFormat
{
    /// <summary>Adds the first piece of each choice, where this kind has one.</summary>
    void WriteStart(EventStream stream, int choice);

    /// <summary>Adds a token's piece.</summary>
    void WriteToken(EventStream stream, int choice, TokenGenerated token);

    /// <summary>Adds a choice's end.</summary>
    void WriteEnd(EventStream stream, int choice, BranchFinished end);

    /// <summary>Adds the last piece, which has no choice.</summary>
    void WriteSummary(EventStream stream, Usage? usage, AnswerExtension extension);

    /// <summary>Writes a whole answer.</summary>
    /// <param name="choices">By index.</param>
    /// <param name="usage">What it took.</param>
    /// <param name="extension">What only this server tells.</param>
    ReadOnlyMemory<byte> Whole(IReadOnlyList<(Choice Choice, ChoiceExtension Rank)> choices, Usage usage, AnswerExtension extension);
}

/// <summary>What all answers of one request begin with.</summary>
internal sealed record AnswerHead(string Id, long Created, string Model, string Fingerprint);
