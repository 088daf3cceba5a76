namespace Coppice;

/// <summary>A run of tokens whose keys and values are kept, as it was when the tree was asked for.</summary>
/// <param name="Id">Its number.</param>
/// <param name="ParentId">That of the run before it, or 0.</param>
/// <param name="Start">Position of its first token.</param>
/// <param name="TokenCount">How many tokens it has.</param>
/// <param name="Tokens">The first of them, at most 64.</param>
/// <param name="Pages">Pages it owns.</param>
/// <param name="Users">Requests that use it, or a run below it.</param>
/// <param name="Pinned">Whether it stays until it is unpinned.</param>
/// <param name="SinceUse">Time since a request last began or ended with it.</param>
public sealed record PrefixNode(
    int Id, int ParentId, int Start, int TokenCount, IReadOnlyList<int> Tokens, int Pages, int Users, bool Pinned, TimeSpan SinceUse);
