namespace Coppice.PeerBench.Tests;

public sealed class InterleavedRunTests
{
    private readonly List<string> _calls = [];

    [Fact]
    public void Engines_take_turns_and_each_round_begins_with_another()
    {
        InterleavedRun run = Run(new Workload(7, 2, 1, 100), CancellationToken.None);
        double[][] seconds = run.Prefill(3);
        Assert.Equal([3, 3], seconds.Select(rounds => rounds.Length));
        Assert.Equal(
            ["a", "b", "b", "a", "a", "b"],
            _calls.Where(call => call.EndsWith("prefills 7", StringComparison.Ordinal)).Select(call => call[..1]));
        Assert.Equal(["a wakes", "a prefills 7", "a rests", "b wakes"], _calls[..4]);
    }

    [Fact]
    public void A_turn_forks_steps_and_rewinds()
    {
        InterleavedRun run = Run(new Workload(7, 3, 2, 100), CancellationToken.None);
        run.Decode(3, rounds: 1);
        // A round that does not count, then one that does.
        string[] turn = ["a wakes", "a forks 3", "a steps 3", "a steps 3", "a rewinds", "a rests"];
        Assert.Equal([.. turn, .. turn], _calls.Where(call => call[0] == 'a'));
    }

    [Fact]
    public void A_cancelled_run_ends_before_the_next_turn()
    {
        Assert.Throws<OperationCanceledException>(() => Run(new Workload(7, 3, 2, 100), new CancellationToken(canceled: true)).Prefill(1));
        Assert.Empty(_calls);
    }

    private InterleavedRun Run(Workload workload, CancellationToken cancel) =>
        new([new FakeEngine("x", "a", _calls), new FakeEngine("x", "b", _calls)], workload, cancel);
}

public sealed class EngineMemoryTests
{
    private const long Gib = 1L << 30;

    // Llama-3.2-1B in Q8_0: 32 KiB of keys and values a token.
    private static readonly EngineMemory s_memory = new(WeightBytes: 1_316_000_000, KvBytesPerToken: 32 << 10, Heads: 32, Vocabulary: 128_256);

    [Fact]
    public void A_stream_for_each_of_32_long_contexts_fits_once_but_not_twice()
    {
        var workload = new Workload(8192, 32, 16, 128_256);
        (IReadOnlyList<LlamaCppSetting> fitting, IReadOnlyList<LeftOut> leftOut) = s_memory.Choose(LlamaCppSetting.All, workload, 1, 21 * Gib);
        Assert.Equal(["fa,unified", "nofa,unified", "nofa,streams"], fitting.Select(setting => setting.Name));
        LeftOut left = Assert.Single(leftOut);
        Assert.Equal("fa,streams", left.Setting);
        Assert.Contains("and 21.0 GiB are to be had", left.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Short_contexts_leave_room_for_all() =>
        Assert.Empty(s_memory.Choose(LlamaCppSetting.All, new Workload(512, 32, 16, 128_256), 1, 21 * Gib).LeftOut);

    [Fact]
    public void A_stream_each_holds_the_prompt_as_often_as_there_are_samples()
    {
        var workload = new Workload(2048, 32, 16, 1000);
        Assert.Equal(2048 + (32 * 17), LlamaCppEngine.KvTokens(workload, LlamaCppSetting.All[0]));
        Assert.Equal(32 * 2304, LlamaCppEngine.KvTokens(workload, LlamaCppSetting.All[2]));
        Assert.Equal(2048 + (32 * 32), CoppiceEngine.KvTokens(workload));
    }
}
