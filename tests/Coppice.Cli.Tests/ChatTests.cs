namespace Coppice.Cli.Tests;

public sealed class ChatTests
{
    private static readonly string[] s_chat = ["chat", "--random", "tiny:q8_0", "--threads", "1", "--ignore-eos", "--max-tokens", "6", "--seed", "4"];

    [Fact]
    public async Task Turns_from_standard_input_are_answered_until_it_ends()
    {
        CommandRun run = await CommandProcess.Run(s_chat, "one\n\ntwo\n");
        Assert.Equal(0, run.Code);
        Assert.NotEmpty(run.Output);
        CommandRun again = await CommandProcess.Run(s_chat, "one\n/reset\none\n/quit\nthree\n");
        Assert.Equal(0, again.Code);
        // The same conversation with the same seed is answered alike.
        Assert.Equal(0, again.Output.Length % 2);
        Assert.Equal(again.Output[..(again.Output.Length / 2)], again.Output[(again.Output.Length / 2)..]);
        Assert.StartsWith(again.Output[..(again.Output.Length / 2)], run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_several_answers_the_best_is_shown_and_another_can_be_picked()
    {
        CommandRun run = await CommandProcess.Run([.. s_chat, "-n", "3"], "one\n/show\n/pick 2\n/show 3\n/show 9\n/pick\n/what\n");
        Assert.Equal(0, run.Code);
        Assert.Equal((1, 2), (run.Output.Split("#1  score").Length - 1, run.Output.Split("#3  score").Length - 1));
        Assert.Contains("/show: expected the rank of an answer, 1 to 3", run.Error, StringComparison.Ordinal);
        Assert.Contains("/pick: expected the rank of an answer, 1 to 3", run.Error, StringComparison.Ordinal);
        Assert.Contains("unknown command '/what'", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_template_from_a_file_takes_the_place_of_the_models_and_its_refusal_ends_piped_input()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["t.jinja"], "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}{{ messages[0].content }}", TestContext.Current.CancellationToken);
        CommandRun fine = await CommandProcess.Run([.. s_chat, "--template", folder["t.jinja"]], "one\n");
        Assert.Equal(0, fine.Code);
        CommandRun refused = await CommandProcess.Run([.. s_chat, "--template", folder["t.jinja"], "--system", "-x"], "one\n");
        Assert.Equal(2, refused.Code);
        Assert.Contains("chat template t.jinja, line 1: no system", refused.Error, StringComparison.Ordinal);
        await File.WriteAllTextAsync(folder["bad.jinja"], "\n{% if %}", TestContext.Current.CancellationToken);
        CommandRun bad = await CommandProcess.Run([.. s_chat, "--template", folder["bad.jinja"]], "one\n");
        Assert.Equal(1, bad.Code);
        Assert.Contains("chat template bad.jinja, line 2: expected an expression", bad.Error, StringComparison.Ordinal);
        CommandRun missing = await CommandProcess.Run([.. s_chat, "--template", folder["none.jinja"]], "one\n");
        Assert.Equal(1, missing.Code);
    }
}
