using System.Diagnostics;
using Coppice.Server.Wire;

namespace Coppice.Server.Api;

/// <summary>The engine's state with rates since the last look that is at least half a second old.</summary>
internal sealed class StateReader(ServedModel model, RequestGate gate)
{
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(0.5);
    private readonly Lock _lock = new();
    private readonly long _started = Stopwatch.GetTimestamp();
    private long _lookedAt = Stopwatch.GetTimestamp();
    private EngineStatistics _looked = model.Engine.Statistics;
    private RatesState _rates = new(0, 0, 0);

    public StateAnswer Read()
    {
        EngineStatistics now = model.Engine.Statistics;
        return new StateAnswer(
            model.Name, ServedModel.Version, gate.IsClosed, Stopwatch.GetElapsedTime(_started).TotalSeconds, model.Engine.ContextLength,
            new RequestsState(gate.Inside, now.QueuedRequests, now.ActiveRequests, now.PausedRequests, now.LiveBranches, now.Steps, now.Pauses),
            Rates(now),
            new PagesState(now.PagesTotal, now.PagesFree, now.PagesPrivate, now.PagesShared, now.PagesCached, now.PageBytes, now.KvBytesLimit),
            new PrefixState(now.PrefixHits, now.PrefixMisses, now.Evictions),
            new AttentionState(now.ContextBytesRead, now.ContextBytesRepeated, now.BranchBytesRead),
            new TokensState(now.PromptTokens, now.ReusedPromptTokens, now.GeneratedTokens),
            [.. model.Engine.PrefixTree().Select(Node)]);
    }

    private RatesState Rates(EngineStatistics now)
    {
        lock (_lock)
        {
            long at = Stopwatch.GetTimestamp();
            TimeSpan passed = Stopwatch.GetElapsedTime(_lookedAt, at);
            if (passed < Shortest) return _rates;
            _rates = new RatesState(
                (now.GeneratedTokens - _looked.GeneratedTokens) / passed.TotalSeconds,
                (now.PromptTokens - _looked.PromptTokens) / passed.TotalSeconds,
                (now.Steps - _looked.Steps) / passed.TotalSeconds);
            (_looked, _lookedAt) = (now, at);
            return _rates;
        }
    }

    private PrefixNodeState Node(PrefixNode node) => new(
        node.Id, node.ParentId, node.Start, node.TokenCount, model.Engine.Tokenizer.Decode(node.Tokens.Where(t => t < model.Vocabulary), special: true),
        node.Pages, node.Users, node.Pinned, node.SinceUse.TotalSeconds);
}
