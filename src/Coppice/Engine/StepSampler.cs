using Coppice.Kernels;
using Coppice.Sampling;

namespace Coppice;

/// <summary>Draws the tokens of a step on every thread of a team, a branch each. A draw depends on its branch's logits and state alone.</summary>
internal sealed class StepSampler(WorkerTeam team, int vocabulary, int tokens, int threads)
{
    private const int MostDrawers = 8;
    private readonly List<TokenSampler> _samplers = [];
    private Action<int, int>? _draw;
    private AlignedBuffer<float>? _logits;
    private int _drawers;

    /// <summary>What was asked for; whoever takes the tokens clears it.</summary>
    public List<(SampleGroup Group, Branch Branch)> Draws { get; } = [];

    /// <summary>A sampler, 32 bytes a token of the vocabulary, for each thread that can have something to draw.</summary>
    public void MakeRoom(int branches)
    {
        int wanted = Math.Min(Math.Min(threads, MostDrawers), Math.Max(1, branches));
        while (_samplers.Count < wanted) _samplers.Add(new TokenSampler(vocabulary));
    }

    /// <summary>Asks for a token of a branch.</summary>
    public void Add(SampleGroup group, Branch branch, int logitIndex)
    {
        branch.LogitIndex = logitIndex;
        Draws.Add((group, branch));
    }

    /// <summary>Draws what was asked for.</summary>
    /// <param name="logits">[rows, vocabulary].</param>
    public void Run(AlignedBuffer<float> logits)
    {
        _logits = logits;
        _drawers = Math.Min(_samplers.Count, Draws.Count);
        team.Run(_drawers, _draw ??= Draw);
    }

    /// <summary>Draws every so many-th token, on any thread of the team.</summary>
    private void Draw(int drawer, int worker)
    {
        for (int i = drawer; i < Draws.Count; i += _drawers) Draw(Draws[i].Group, Draws[i].Branch, _samplers[drawer]);
    }

    private void Draw(SampleGroup group, Branch branch, TokenSampler sampler)
    {
        branch.DrawFailure = null;
        try
        {
            // A model's output can be wider than its vocabulary: what has no token is never drawn.
            ReadOnlySpan<float> logits = _logits!.Slice((long)branch.LogitIndex * vocabulary, tokens);
            int position = group.Prompt.Length + branch.Published;
            branch.Drawn = sampler.Sample(
                logits, new SamplerState(group.Request.Sampling, group.Seed, branch.Index, position, branch.History), branch.NextTop);
        }
        catch (Exception e)
        {
            branch.DrawFailure = e;
        }
    }
}
