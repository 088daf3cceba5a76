using Coppice.Kernels;

namespace Coppice.Kernels.Tests;

public sealed class HelperBudgetTests
{
    private const long Millisecond = 1_000;

    [Fact]
    public void Loops_that_do_not_stall_keep_all_helpers()
    {
        var budget = new HelperBudget(7, Millisecond);
        Assert.Equal(7, Loops(budget, 0, 1_000, took: 50, stalled: 0));
    }

    [Fact]
    public void Stalls_below_an_eighth_of_the_time_are_borne()
    {
        var budget = new HelperBudget(1, Millisecond);
        Assert.Equal(1, Loops(budget, 0, 100, took: 64 * Millisecond, stalled: 7 * Millisecond));
    }

    [Fact]
    public void A_team_that_stalls_shrinks_to_the_caller_alone()
    {
        var budget = new HelperBudget(1, Millisecond);
        Assert.Equal(0, Loops(budget, 0, 4, took: 4 * Millisecond, stalled: 3 * Millisecond));
    }

    [Fact]
    public void A_large_team_shrinks_by_a_part_of_it()
    {
        var budget = new HelperBudget(15, Millisecond);
        budget.End(0, Millisecond, 10 * Millisecond);
        Assert.Equal(12, budget.Helpers);
    }

    [Fact]
    public void After_a_pause_that_grows_with_the_stall_the_team_is_tried_again()
    {
        var budget = new HelperBudget(1, Millisecond);
        budget.End(0, 10 * Millisecond, 10 * Millisecond);
        Assert.Equal(0, budget.Begin(159 * Millisecond));
        Assert.Equal(1, budget.Begin(160 * Millisecond));
    }

    [Fact]
    public void Trials_that_fail_come_at_growing_distances_up_to_a_second()
    {
        var budget = new HelperBudget(1, Millisecond);
        long now = 0, before = 0;
        budget.End(now, Millisecond, 10 * Millisecond);
        for (int trial = 0; trial < 6; trial++)
        {
            long from = now;
            while (budget.Begin(now) == 0) now += Millisecond;
            Assert.InRange(now - from, Math.Min(2 * before, 1_000 * Millisecond), 1_000 * Millisecond);
            before = now - from;
            budget.End(now, Millisecond, 2 * Millisecond);
            Assert.Equal(0, budget.Helpers);
        }
    }

    [Fact]
    public void A_trial_that_holds_brings_the_helpers_back_step_by_step()
    {
        var budget = new HelperBudget(15, Millisecond);
        for (int i = 0; i < 30; i++) budget.End(0, Millisecond, 10 * Millisecond);
        Assert.Equal(0, budget.Helpers);
        Assert.Equal(15, Loops(budget, 0, 20_000, took: Millisecond, stalled: 0));
    }

    private static int Loops(HelperBudget budget, long now, int count, long took, long stalled)
    {
        for (int i = 0; i < count; i++)
        {
            now += took;
            if (budget.Begin(now) > 0) budget.End(now, took, stalled);
        }

        return budget.Helpers;
    }
}
