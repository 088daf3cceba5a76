using Coppice.Kv;
using Coppice.Sampling;
using Coppice.Tokenizing;

namespace Coppice;

/// <summary>
/// One continuation while it grows. The step loop alone writes; a reader on another thread sees tokens [0, Published) and, once
/// <see cref="Finished"/> is set, the end. Two counters with two names: <see cref="Published"/> tokens are known, the segment's
/// Written positions have keys and values; the newest token is known before it is written.
/// </summary>
internal sealed class Branch
{
    private readonly GenerationRequest _request;
    private int[] _tokens = [];
    private float[] _logprobs = [];
    private TokenLogprob[] _top = [];
    private string[] _texts = [];
    private readonly StopMatcher? _stop;
    private readonly Detokenizer? _detokenizer;
    private int _published;
    private volatile bool _finished;

    public Branch(int index, GenerationRequest request, Tokenizer tokenizer)
    {
        (Index, _request) = (index, request);
        TopCount = request.TopLogprobs;
        if (request.Stop.Count == 0) return;
        _stop = new StopMatcher(request.Stop);
        _detokenizer = new Detokenizer(tokenizer);
    }

    /// <summary>Takes the memory for all its tokens; a request that waits has none.</summary>
    public void Begin(int[] prompt)
    {
        int most = _request.MaxTokens;
        (_tokens, _logprobs) = (new int[most], new float[most]);
        if (TopCount > 0) _top = new TokenLogprob[checked(most * TopCount)];
        if (HasText) _texts = new string[most];
        if (!_request.Sampling.NeedsHistory) return;
        History = new TokenHistory(_request.Sampling, prompt.Length, most);
        History.Begin(prompt);
    }

    public int Index { get; }

    /// <summary>How many of the most likely tokens are kept for each token.</summary>
    public int TopCount { get; }

    /// <summary>Counts for the penalties, where there are any.</summary>
    public TokenHistory? History { get; private set; }

    /// <summary>The private suffix; null before the branch starts, while it is parked and after the end.</summary>
    public Segment? Segment { get; set; }

    /// <summary>Whether its pages were taken from it, so that its tokens have to be computed again.</summary>
    public bool IsParked { get; set; }

    /// <summary>Tokens that are known and not written yet: one in a steady step, more after the branch was parked.</summary>
    public int Pending => _published - Segment!.Written;

    /// <summary>Where this step's logits are, or -1.</summary>
    public int LogitIndex { get; set; }

    /// <summary>The token that this step drew, until it is accepted.</summary>
    public SampledToken Drawn { get; set; }

    /// <summary>Why this step drew none, or null.</summary>
    public Exception? DrawFailure { get; set; }

    /// <summary>Tokens a reader may see.</summary>
    public int Published => Volatile.Read(ref _published);

    /// <summary>Whether it has ended; then everything else is final.</summary>
    public bool Finished => _finished;

    public FinishReason Reason { get; private set; }

    /// <summary>Log-probability of all tokens, the one that ended it included.</summary>
    public double TotalLogprob { get; private set; }

    /// <summary>Tokens that <see cref="TotalLogprob"/> sums over.</summary>
    public int ScoredTokens { get; private set; }

    /// <summary>Text that a stop text held back and the end released.</summary>
    public string HeldText { get; private set; } = "";

    /// <summary>Whether the step loop makes this branch's text, because a stop text may end it.</summary>
    public bool HasText => _stop is not null;

    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Published);

    public ReadOnlySpan<float> Logprobs => _logprobs.AsSpan(0, Published);

    /// <summary>[<see cref="TopCount"/>]: where the most likely tokens of the next position are written.</summary>
    public Span<TokenLogprob> NextTop => _top.AsSpan(_published * TopCount, TopCount);

    /// <summary>The most likely tokens at a token's position.</summary>
    public TokenLogprob[] TopOf(int token) => _top.AsSpan(token * TopCount, TopCount).ToArray();

    /// <summary>The text that token added; only where <see cref="HasText"/>.</summary>
    public string TextOf(int token) => _texts[token];

    /// <summary>Takes a sampled token: adds it, or ends the branch.</summary>
    public void Accept(int token, float logprob, bool endsBranch)
    {
        TotalLogprob += logprob;
        ScoredTokens++;
        if (endsBranch)
        {
            End(FinishReason.Stop);
            return;
        }

        int at = _published;
        _tokens[at] = token;
        _logprobs[at] = logprob;
        History?.Add(token);
        bool stopped = false;
        if (_stop is not null)
        {
            _texts[at] = _stop.Feed(_detokenizer!.Append(token));
            stopped = _stop.Match is not null;
        }

        Volatile.Write(ref _published, at + 1);
        if (stopped) End(FinishReason.Stop);
        else if (at + 1 == _tokens.Length) End(FinishReason.Length);
    }

    private void End(FinishReason reason)
    {
        if (_stop is { Match: null }) HeldText = _stop.Feed(_detokenizer!.Flush()) + _stop.Flush();
        Reason = reason;
        _finished = true;
    }
}
