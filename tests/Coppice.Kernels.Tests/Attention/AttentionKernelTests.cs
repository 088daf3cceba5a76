using Coppice.Kernels.Attention;

namespace Coppice.Kernels.Tests.Attention;

public sealed class AttentionKernelTests
{
    private static readonly int[] s_contexts = [0, 1, 15, 16, 17, 63, 64, 65, 127, 129, 300];
    private static readonly int[] s_suffixes = [0, 1, 2, 15, 16, 17, 33, 63, 64, 65, 70];
    private static readonly int[] s_branches = [1, 2, 3, 5, 8, 17, 33];
    private static readonly (int Heads, int KvHeads)[] s_heads = [(8, 8), (8, 2), (8, 1)];
    private static readonly int[] s_headDims = [8, 16, 24, 32, 48, 64];

    [Fact]
    public void Agrees_with_the_definition_over_a_grid_of_trees()
    {
        for (int seed = 0; seed < 30; seed++)
        {
            var random = new Random(seed);
            Shape shape = RandomShape(random, seed);
            Forest forest = RandomForest(random, levels: 1 + seed % 3, most: seed < 3 ? 33 : 5);
            double[] expected = forest.Define(shape);
            foreach (Code code in Code.Available)
                AssertClose(expected, forest.Compute(shape, RandomWay(random, code)), $"seed {seed} {code}");
        }
    }

    [Theory]
    [InlineData(80)]
    [InlineData(96)]
    [InlineData(128)]
    [InlineData(192)]
    [InlineData(256)]
    public void Agrees_with_the_definition_for_large_heads(int headDim)
    {
        foreach (KvType type in Enum.GetValues<KvType>())
        {
            if (headDim % type.HeadMultiple() != 0) continue;
            var shape = new Shape(2, 1, headDim, type);
            Forest forest = Branches(100, 3, 17);
            double[] expected = forest.Define(shape);
            foreach (Code code in Code.Available) AssertClose(expected, forest.Compute(shape, new Way(code)), $"{code} {type}");
        }
    }

    [Fact]
    public void Bits_do_not_depend_on_path_mode_threads_or_batch_mates()
    {
        for (int seed = 100; seed < 109; seed++)
        {
            var random = new Random(seed);
            Shape shape = RandomShape(random, seed);
            Forest forest = RandomForest(random, levels: 1 + seed % 3, most: 4);
            float[] expected = forest.Compute(shape, new Way(Code.Scalar));
            foreach (Code code in Code.Available)
                foreach (AttentionMode mode in Enum.GetValues<AttentionMode>())
                    foreach ((int threads, int planned) in ((int, int)[])[(1, 1), (3, 3), (2, 40)])
                        AssertSameBits(expected, forest.Compute(shape, new Way(code, mode, threads, planned)), $"seed {seed} {code} {mode} {threads}");
            AssertRowsAloneGiveTheSameBits(forest, shape, expected);
        }
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1000, 0)]
    [InlineData(30, 0)]
    [InlineData(530, 5)]
    [InlineData(0, 0, 32, KvType.F16)]
    [InlineData(70, 0, 32, KvType.Q8_0)]
    [InlineData(0, 0, 64, KvType.Q8_0)]
    public void Bits_of_long_contexts_do_not_depend_on_how_spans_are_dealt_out(int window, float softCap, int headDim = 8, KvType type = KvType.F16)
    {
        var shape = new Shape(4, 1, headDim, type);
        Forest forest = Branches(1100, 3, 530);
        float[] expected = forest.Compute(shape, new Way(Code.Scalar), softCap, window);
        AssertClose(forest.Define(shape, softCap, window), expected, "definition");
        foreach (Code code in Code.Available)
        {
            foreach (AttentionMode mode in Enum.GetValues<AttentionMode>())
                foreach (int planned in (int[])[1, 2, 3, 8, 1000])
                    AssertSameBits(expected, forest.Compute(shape, new Way(code, mode, 2, planned), softCap, window), $"{code} {mode} {planned}");
        }
    }

    [Fact]
    public void Bits_do_not_depend_on_where_a_prompt_was_cut_into_cached_segments()
    {
        var shape = new Shape(4, 2, 16, KvType.F16);
        const int Prompt = 640 + 17;
        Forest whole = Cut([Prompt]);
        float[] expected = whole.Compute(shape, new Way(Code.Scalar));
        AssertClose(whole.Define(shape), expected, "definition");
        foreach (int[] cuts in (int[][])[[64, Prompt - 64], [0, 128, 0, Prompt - 128], [512, Prompt - 512], [576, Prompt - 576], [64, 64, 192, 320, 17]])
        {
            foreach (Code code in Code.Available)
            {
                foreach (int planned in (int[])[1, 16])
                    AssertSameBits(expected, Cut(cuts).Compute(shape, new Way(code, PlannedThreads: planned)), $"{code} {string.Join(' ', cuts)}");
            }
        }

        static Forest Cut(int[] cuts)
        {
            var forest = new Forest();
            int parent = -1;
            foreach (int tokens in cuts) parent = forest.Add(parent, 1, tokens);
            for (int b = 0; b < 2; b++) forest.AddRows(forest.Add(parent, 10 + b, 5, isPrivate: true), 1);
            return forest;
        }
    }

    [Fact]
    public void Bits_do_not_depend_on_paths_that_part_within_a_span()
    {
        var shape = new Shape(4, 2, 8, KvType.F32);
        var forest = new Forest();
        int prompt = forest.Add(-1, 1, 576);
        for (int q = 0; q < 3; q++)
        {
            int question = forest.Add(prompt, 2 + q, 70 * q);
            forest.AddRows(question, q);
            for (int b = 0; b < 2; b++) forest.AddRows(forest.Add(question, 10 * q + 20 + b, 1 + q, isPrivate: true), 1);
        }

        float[] expected = forest.Compute(shape, new Way(Code.Scalar));
        AssertClose(forest.Define(shape), expected, "definition");
        foreach (Code code in Code.Available)
            foreach (int planned in (int[])[1, 2, 30])
                AssertSameBits(expected, forest.Compute(shape, new Way(code, PlannedThreads: planned)), $"{code} {planned}");
        AssertRowsAloneGiveTheSameBits(forest, shape, expected);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(20)]
    [InlineData(0, 32, KvType.F16)]
    [InlineData(20, 32, KvType.F32)]
    [InlineData(0, 32, KvType.Q8_0)]
    public void Bits_do_not_depend_on_how_a_prompt_is_prefilled(int window, int headDim = 8, KvType type = KvType.F16)
    {
        var shape = new Shape(4, 2, headDim, type);
        const int System = 128, Prompt = 200;
        float[] expected = Prefill(0, Prompt).Compute(shape, new Way(Code.Scalar), window: window);
        AssertClose(Prefill(0, Prompt).Define(shape, window: window), expected, "definition");
        foreach (Code code in Code.Available)
        {
            foreach (int[] ends in (int[][])[[Prompt], [64, Prompt], [1, 3, 70, 71, Prompt]])
            {
                var chunks = new List<float>();
                int done = 0;
                foreach (int end in ends)
                {
                    chunks.AddRange(Prefill(done, end).Compute(shape, new Way(code, Threads: 2, PlannedThreads: 2), window: window));
                    done = end;
                }

                AssertSameBits(expected, [.. chunks], $"{code} {string.Join(' ', ends)}");
            }
        }

        static Forest Prefill(int done, int end)
        {
            var forest = new Forest();
            int prompt = forest.Add(forest.Add(-1, 1, System), 2, end);
            forest.AddRows(prompt, end - done);
            return forest;
        }
    }

    [Fact]
    public void Prefill_and_decode_share_a_step()
    {
        var shape = new Shape(2, 1, 8, KvType.F16);
        var forest = new Forest();
        int system = forest.Add(-1, 1, 80);
        forest.AddRows(forest.Add(system, 10, 3, isPrivate: true), 1);
        forest.AddRows(forest.Add(system, 2, 150), 150);
        forest.AddRows(forest.Add(system, 11, 4, isPrivate: true), 2);
        int other = forest.Add(-1, 3, 20);
        forest.AddRows(forest.Add(other, 12, 1, isPrivate: true), 1);
        float[] expected = forest.Compute(shape, new Way(Code.Scalar));
        AssertClose(forest.Define(shape), expected, "definition");
        foreach (Code code in Code.Available)
            AssertSameBits(expected, forest.Compute(shape, new Way(code, AttentionMode.Bifurcated, 3, 8)), $"{code}");
        AssertRowsAloneGiveTheSameBits(forest, shape, expected);
    }

    [Fact]
    public void Segments_of_small_mass_keep_their_share()
    {
        // Merging with logarithms of another base passes where all partials have about the same maximum.
        var shape = new Shape(2, 2, 16, KvType.F32);
        Forest Tree(float gain)
        {
            var forest = new Forest { QueryGain = gain };
            int context = forest.Add(-1, 1, 600);
            for (int b = 0; b < 4; b++) forest.AddRows(forest.Add(context, 10 + b, 1 + b, isPrivate: true), 1);
            return forest;
        }

        foreach (float gain in (float[])[0.01f, 1f, 6f])
            foreach (Code code in Code.Available)
                AssertClose(Tree(gain).Define(shape), Tree(gain).Compute(shape, new Way(code, PlannedThreads: 8)), $"{code} {gain}");
    }

    [Fact]
    public void Empty_segments_change_nothing_and_a_row_that_sees_nothing_is_zero()
    {
        var shape = new Shape(2, 1, 8, KvType.F16);
        foreach (Code code in Code.Available)
        {
            var forest = new Forest();
            int root = forest.Add(-1, 1, 0);
            forest.AddRow(forest.Add(root, 2, 0, isPrivate: true), 0);
            int middle = forest.Add(root, 3, 0);
            forest.AddRow(forest.Add(middle, 4, 7, isPrivate: true), 6);
            foreach (int planned in (int[])[1, 9])
            {
                float[] output = forest.Compute(shape, new Way(code, PlannedThreads: planned));
                Assert.All(output.Take(shape.Heads * shape.HeadDim), v => Assert.Equal(0f, v));
                AssertClose(forest.Define(shape), output, $"{code}");
            }
        }
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(16, 0)]
    [InlineData(63, 2)]
    [InlineData(65, 0)]
    [InlineData(0, 3)]
    [InlineData(200, 30)]
    public void Window_and_cap_agree_with_the_definition(int window, float softCap)
    {
        var shape = new Shape(4, 2, 16, KvType.F16);
        var forest = new Forest { QueryGain = 2f };
        int context = forest.Add(-1, 1, 150);
        for (int b = 0; b < 5; b++) forest.AddRows(forest.Add(context, 10 + b, 1 + 15 * b, isPrivate: true), 1 + b % 3);
        double[] expected = forest.Define(shape, softCap, window);
        float[] scalar = forest.Compute(shape, new Way(Code.Scalar), softCap, window);
        AssertClose(expected, scalar, "scalar");
        foreach (Code code in Code.Available)
            AssertSameBits(scalar, forest.Compute(shape, new Way(code, PlannedThreads: 6), softCap, window), $"{code}");
    }

    [Fact]
    public void A_poisoned_page_reaches_only_the_rows_that_see_it()
    {
        foreach (KvType type in Enum.GetValues<KvType>())
        {
            foreach (Code code in Code.Available)
            {
                var shape = new Shape(2, 1, 32, type);
                Forest forest = Branches(20, 3, 9);
                float[] clean = forest.Compute(shape, new Way(code));
                using var run = new ForestRun(forest, shape, new Way(code));
                run.Store.Poison(run.Plan.Pages[2]); // pages 0 and 1 are the context's, 2 the first branch's
                float[] output = run.Attend();
                int row = shape.Heads * shape.HeadDim;
                Assert.All(output.Take(row), v => Assert.True(float.IsNaN(v)));
                AssertSameBits(clean[row..], output[row..], $"{code} {type}");
            }
        }
    }

    [Theory]
    [InlineData(AttentionMode.Bifurcated, 1, KvType.F16, 32 * 2)]
    [InlineData(AttentionMode.Bifurcated, 16, KvType.Q8_0, 34)]
    [InlineData(AttentionMode.Repeated, 1, KvType.F32, 32 * 4)]
    [InlineData(AttentionMode.Repeated, 16, KvType.Q8_0, 34)]
    public void A_decode_step_reads_the_bytes_the_traffic_law_states(AttentionMode mode, int planned, KvType type, int bytes)
    {
        foreach ((int context, int branches, int suffix) in ((int, int, int)[])[(600, 7, 33), (64, 1, 1), (0, 3, 5), (1030, 2, 600)])
        {
            var shape = new Shape(4, 2, 32, type);
            using var run = new ForestRun(Branches(context, branches, suffix), shape, new Way(Code.Best, mode, 2, planned));
            run.Attend();
            long token = 2L * shape.KvHeads * bytes;
            Assert.Equal(token * context * (mode == AttentionMode.Bifurcated ? 1 : branches), run.Kernel.SharedBytesRead);
            Assert.Equal(token * branches * suffix, run.Kernel.PrivateBytesRead);
            Assert.Equal(run.Kernel.SharedBytesRead, run.Kernel.BytesRead(0));
            Assert.Equal(token * suffix, run.Kernel.BytesRead(branches));
            Assert.Equal(token * run.Store.Layers, run.Store.BytesPerToken);
            run.Kernel.ResetCounters();
            Assert.Equal(0, run.Kernel.SharedBytesRead + run.Kernel.PrivateBytesRead);
        }
    }

    [Fact]
    public void A_window_reads_only_the_tiles_it_touches()
    {
        var shape = new Shape(1, 1, 8, KvType.F32);
        using var run = new ForestRun(Branches(640, 2, 1), shape, new Way(Code.Best));
        run.Attend(window: 65);
        Assert.Equal(2L * 8 * 4 * 64, run.Kernel.SharedBytesRead);
        Assert.Equal(2L * 8 * 4 * 2, run.Kernel.PrivateBytesRead);
    }

    [Theory]
    [InlineData(8, KvType.F16)]
    [InlineData(32, KvType.F16)]
    [InlineData(32, KvType.Q8_0)]
    public void A_steady_step_allocates_nothing(int headDim, KvType type)
    {
        var shape = new Shape(4, 2, headDim, type);
        Forest forest = Branches(600, 3, 20);
        using var run = new ForestRun(forest, shape, new Way(Code.Best, AttentionMode.Bifurcated, 1, 16));
        int[][] pages = [[.. Enumerable.Range(0, 38)], [38, 39], [40, 41], [42, 43]];
        Assert.Equal(0, Allocations.OfWarm(Step));

        void Step()
        {
            run.Plan.Clear();
            run.Plan.AddSegment(-1, 0, 600, pages[0], false);
            for (int b = 1; b <= 3; b++) run.Plan.AddRow(run.Plan.AddSegment(0, 600, 20, pages[b], true), 619);
            run.Build();
            run.Attend();
        }
    }

    [Fact]
    public void A_plan_for_other_heads_or_pages_is_refused()
    {
        var shape = new Shape(4, 2, 8, KvType.F16);
        using var run = new ForestRun(Branches(20, 1, 1), shape, new Way(Code.Best));
        run.Plan.Build(AttentionMode.Bifurcated, 1, 1, 4);
        Assert.Throws<InvalidOperationException>(() => run.Attend());
        run.Plan.AddSegment(-1, 0, 1, [run.Store.PageCount], false);
        Assert.Throws<InvalidOperationException>(() => run.Attend());
        run.Build();
        Assert.Throws<InvalidOperationException>(() => run.Attend());
    }

    private static Forest Branches(int context, int branches, int suffix)
    {
        var forest = new Forest();
        int root = forest.Add(-1, 1, context);
        for (int b = 0; b < branches; b++) forest.AddRows(forest.Add(root, 10 + b, suffix, isPrivate: true), 1);
        return forest;
    }

    private static Shape RandomShape(Random random, int seed)
    {
        (int heads, int kvHeads) = s_heads[seed % s_heads.Length];
        int headDim = s_headDims[random.Next(s_headDims.Length)];
        KvType[] types = [.. Enum.GetValues<KvType>().Where(type => headDim % type.HeadMultiple() == 0)];
        return new Shape(heads, kvHeads, headDim, types[random.Next(types.Length)]);
    }

    private static Way RandomWay(Random random, Code code) => new(code, (AttentionMode)random.Next(2), 1 + random.Next(3), 1 + random.Next(20));

    private static Forest RandomForest(Random random, int levels, int most)
    {
        var forest = new Forest();
        int roots = 1 + random.Next(2);
        for (int r = 0; r < roots; r++)
            Grow(forest.Add(-1, random.Next(1000), s_contexts[random.Next(s_contexts.Length)]), levels - 1);
        return forest;

        void Grow(int parent, int level)
        {
            if (level > 0)
            {
                for (int c = random.Next(1, 3); c > 0; c--)
                    Grow(forest.Add(parent, random.Next(1000), s_contexts[random.Next(s_contexts.Length - 1)]), level - 1);
                return;
            }

            int branches = s_branches.Where(b => b <= most).ToArray() is var few ? few[random.Next(few.Length)] : 1;
            for (int b = 0; b < branches; b++)
            {
                int suffix = s_suffixes[random.Next(s_suffixes.Length)];
                int leaf = forest.Add(parent, 1000 + random.Next(1_000_000), suffix, isPrivate: true);
                if (suffix > 0) forest.AddRows(leaf, 1 + random.Next(Math.Min(3, suffix)));
            }
        }
    }

    private static void AssertRowsAloneGiveTheSameBits(Forest forest, Shape shape, float[] expected)
    {
        int row = shape.Heads * shape.HeadDim;
        for (int r = 0; r < forest.Rows.Count; r += Math.Max(1, forest.Rows.Count / 5))
            AssertSameBits(expected[(r * row)..((r + 1) * row)], forest.Only(r).Compute(shape, new Way(Code.Best)), $"row {r} alone");
    }

    private static void AssertClose(double[] expected, float[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            if (!(Math.Abs(expected[i] - actual[i]) <= 1e-5)) Assert.Fail($"{what}: element {i}: expected {expected[i]}, found {actual[i]}");
    }

    private static void AssertSameBits(float[] expected, float[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (BitConverter.SingleToInt32Bits(expected[i]) != BitConverter.SingleToInt32Bits(actual[i]))
                Assert.Fail($"{what}: element {i}: expected {expected[i]:R}, found {actual[i]:R}");
        }
    }
}
