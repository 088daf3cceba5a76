using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Coppice.Chat;

namespace Coppice.Cli;

/// <summary>A conversation: reads turns, streams answers, keeps what was said.</summary>
internal sealed class ChatLoop(
    Engine engine, ModelChat chat, GenerationRequest asked, int? maxTokens, string? system, TextWriter output, TextWriter error, bool isTerminal)
{
    /// <summary>Tokens that an answer has at most where nothing is said.</summary>
    public const int DefaultMaxTokens = 1024;

    private const string Help = "/show [N] shows the last answers, or the Nth; /pick N goes on with the Nth; /reset forgets the conversation; /quit ends";

    private readonly JsonArray _messages = [];
    private IReadOnlyList<RankedSample> _answers = [];

    /// <summary>Talks until there is no more input.</summary>
    /// <param name="readLine">Gives the next turn; null ends the conversation.</param>
    /// <param name="cancel">Ends the answer and the conversation.</param>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(Func<string?> readLine, CancellationToken cancel)
    {
        Reset();
        if (isTerminal) error.WriteLine(Help);
        while (!cancel.IsCancellationRequested)
        {
            string? line = await Task.Run(readLine, CancellationToken.None).WaitAsync(cancel);
            if (line is null) return ExitCode.Good;
            if (line.Trim().Length == 0) continue;
            if (line.StartsWith('/'))
            {
                if (!Obey(line.Trim())) return ExitCode.Good;
                continue;
            }

            if (!await TurnAsync(line, cancel)) return ExitCode.Interrupted;
        }

        return ExitCode.Interrupted;
    }

    private void Reset()
    {
        _messages.Clear();
        _answers = [];
        if (system is not null) Say("system", system);
    }

    private void Say(string role, string content) => _messages.Add(new JsonObject { ["role"] = role, ["content"] = content });

    /// <summary>Does what a command says.</summary>
    /// <returns>Whether the conversation goes on.</returns>
    private bool Obey(string line)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        switch (words[0])
        {
            case "/quit" or "/exit": return false;
            case "/reset": Reset(); break;
            case "/show": Show(words.Length > 1 ? words[1] : null); break;
            case "/pick" when words.Length == 2 && Answer(words[1]) is { } picked:
                _messages[^1]!["content"] = picked.Text;
                break;
            case "/pick": error.WriteLine($"/pick: expected the rank of an answer, 1 to {_answers.Count}"); break;
            default: error.WriteLine(words[0] == "/help" ? Help : $"unknown command '{words[0]}'; {Help}"); break;
        }

        return true;
    }

    private RankedSample? Answer(string rank) => int.TryParse(rank, out int number) && number >= 1 && number <= _answers.Count ? _answers[number - 1] : null;

    private void Show(string? rank)
    {
        if (rank is not null && Answer(rank) is null)
        {
            error.WriteLine($"/show: expected the rank of an answer, 1 to {_answers.Count}");
            return;
        }

        foreach (RankedSample answer in rank is null ? _answers : [Answer(rank)!])
            output.WriteLine(FormattableString.Invariant($"#{answer.Rank}  score {answer.MeanLogprob:0.0000}  {answer.TokenIds.Count} tokens\n{Shown(answer.Text)}"));
    }

    /// <summary>One turn: the user's, then the model's.</summary>
    /// <returns>Whether the conversation goes on.</returns>
    private async Task<bool> TurnAsync(string line, CancellationToken cancel)
    {
        Say("user", line);
        try
        {
            int[] prompt = chat.Encode(new ChatTemplateContext(_messages));
            await AnswerAsync(Request(prompt), cancel);
            return !cancel.IsCancellationRequested;
        }
        catch (Exception e) when (e is ChatTemplateException or RequestRejectedException)
        {
            // In a terminal the conversation goes on without the turn.
            if (!isTerminal) throw;
            _messages.RemoveAt(_messages.Count - 1);
            error.WriteLine(CommandErrors.OneLine(e.Message));
            return true;
        }
    }

    private GenerationRequest Request(int[] prompt)
    {
        int room = engine.ContextLength - prompt.Length;
        if (room < 1) throw new RequestRejectedException("conversation", $"fewer tokens than the context of {engine.ContextLength}", $"{prompt.Length}; /reset begins anew");
        return new GenerationRequest(prompt)
        {
            Samples = asked.Samples,
            MaxTokens = Math.Min(maxTokens ?? DefaultMaxTokens, room),
            Sampling = asked.Sampling,
            Stop = asked.Stop,
            IgnoreEnd = asked.IgnoreEnd,
            Ranking = asked.Ranking,
        };
    }

    private async Task AnswerAsync(GenerationRequest request, CancellationToken cancel)
    {
        using var answering = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        // While an answer comes, Ctrl-C ends it alone.
        using PosixSignalRegistration? interrupt = isTerminal ? PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            context.Cancel = true;
            answering.Cancel();
        }) : null;
        var run = new SampleRun(request.Samples);
        bool streams = request.Samples == 1;
        try
        {
            await foreach (GenerationEvent happened in engine.StreamAsync(request, answering.Token))
            {
                run.Add(happened);
                if (!streams) continue;
                output.Write(Shown(happened switch { TokenGenerated token => token.Text, BranchFinished end => end.Text, _ => "" }));
                output.Flush();
            }
        }
        catch (OperationCanceledException)
        {
            // What has come so far stays in the conversation.
        }

        _answers = run.Ranked(request.Ranking);
        if (streams) output.WriteLine();
        else output.WriteLine(Shown(_answers[0].Text));
        if (!streams && isTerminal) error.WriteLine($"the best of {_answers.Count}; /show shows them, /pick N goes on with another");
        output.Flush();
        Say("assistant", _answers[0].Text);
    }

    /// <summary>A text without the control characters that would steer a terminal.</summary>
    private string Shown(string text)
    {
        if (!isTerminal) return text;
        var shown = new StringBuilder(text.Length);
        foreach (char c in text) shown.Append(char.IsControl(c) && c is not ('\n' or '\t') ? '\ufffd' : c);
        return shown.ToString();
    }
}
