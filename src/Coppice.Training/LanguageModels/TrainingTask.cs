using System.Security.Cryptography;
using System.Text;
using Coppice.Training.Puzzles;

namespace Coppice.Training.LanguageModels;

/// <summary>What a language model learns: its vocabulary, and rows of tokens and targets that are a function of seed and number alone.</summary>
public abstract class TrainingTask
{
    /// <summary>Its tokens.</summary>
    public abstract TrainingVocabulary Vocabulary { get; }

    /// <summary>What the model is for, in a sentence of its file.</summary>
    public abstract string Description { get; }

    /// <summary>What tells this task from others: a checkpoint of another one is refused.</summary>
    public abstract string Identity { get; }

    /// <summary>Tokens of a row.</summary>
    public abstract int Length { get; }

    /// <summary>Rows that are held out.</summary>
    public abstract int HeldOutRows { get; }

    /// <summary>Writes training rows.</summary>
    /// <param name="first">Number of the first row.</param>
    /// <param name="tokens">[rows, length].</param>
    /// <param name="targets">[rows, length], -1 where none counts.</param>
    public abstract void WriteRows(long first, Span<long> tokens, Span<long> targets);

    /// <summary>Writes all held-out rows.</summary>
    /// <param name="tokens">[<see cref="HeldOutRows"/>, length].</param>
    /// <param name="targets">[<see cref="HeldOutRows"/>, length].</param>
    public abstract void WriteHeldOut(Span<long> tokens, Span<long> targets);

    /// <summary>Number puzzles of a recipe.</summary>
    /// <param name="recipe">The recipe.</param>
    public static TrainingTask Puzzles(TrainingRecipe recipe) => new PuzzleTask(recipe ?? throw new ArgumentNullException(nameof(recipe)));

    /// <summary>A text, character by character; its last tenth is held out.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="text">The text.</param>
    /// <exception cref="RequestRejectedException">The text is shorter than ten rows.</exception>
    public static TrainingTask Text(TrainingRecipe recipe, string text) =>
        new TextTask(recipe ?? throw new ArgumentNullException(nameof(recipe)), text ?? throw new ArgumentNullException(nameof(text)));

    private sealed class PuzzleTask : TrainingTask
    {
        private const int MostHeldOutRows = 512;
        private readonly PuzzleTraining _training;
        private readonly PuzzleTraining _heldOut;
        private readonly TrainingRecipe _recipe;

        public PuzzleTask(TrainingRecipe recipe)
        {
            _recipe = recipe;
            PuzzleSet[] sets = [.. recipe.Puzzles.Select(f => f.Solve())];
            _training = new PuzzleTraining(sets.Zip(recipe.Puzzles, (set, family) => (set.Part(PuzzlePart.Training), family.Share)));
            if (Array.Exists(sets, s => s.Part(PuzzlePart.Training).Count == 0))
                throw new RequestRejectedException("puzzles", "families with puzzles to learn", "one that has none");
            IReadOnlyList<SolvedPuzzle> validation = sets[0].Part(PuzzlePart.Validation);
            if (validation.Count == 0) throw new RequestRejectedException("puzzles", "a first family with puzzles to hold out", "too few");
            _heldOut = new PuzzleTraining([(validation, 1)]);
            HeldOutRows = Math.Min(MostHeldOutRows, 4 * validation.Count);
        }

        public override TrainingVocabulary Vocabulary => PuzzleTraining.Vocabulary;

        public override string Description =>
            $"Answers number puzzles such as '{PuzzleText.Prompt(new Puzzle(24, 3, 8, 8, 2))}' with an expression.";

        public override string Identity => "puzzles";

        public override int Length => PuzzleTraining.LineTokens;

        public override int HeldOutRows { get; }

        public override void WriteRows(long first, Span<long> tokens, Span<long> targets) =>
            _training.Write(Enumerable.Range(0, tokens.Length / Length).Select(i => _training.Line((ulong)_recipe.Seed, first + i)), Length, tokens, targets);

        public override void WriteHeldOut(Span<long> tokens, Span<long> targets) =>
            _heldOut.Write(Enumerable.Range(0, HeldOutRows).Select(i => _heldOut.Line(0, i)), Length, tokens, targets);
    }

    private sealed class TextTask : TrainingTask
    {
        private const int MaxHeldOutRows = 256;
        private readonly int[] _ids;
        private readonly int _trained;
        private readonly ulong _seed;

        public TextTask(TrainingRecipe recipe, string text)
        {
            Vocabulary = TrainingVocabulary.OfCharacters(text);
            Identity = $"text {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}";
            Length = recipe.Length;
            _seed = (ulong)recipe.Seed;
            _ids = Vocabulary.ToTokenizer().Encode(text);
            if (_ids.Length < 10 * (Length + 1))
                throw new RequestRejectedException("text", $"{10 * (Length + 1)} characters or more, ten rows", $"{_ids.Length}");
            HeldOutRows = Math.Clamp((_ids.Length / 10 - 1) / Length, 1, MaxHeldOutRows);
            _trained = _ids.Length - (HeldOutRows * Length) - 1;
        }

        public override TrainingVocabulary Vocabulary { get; }

        public override string Description => "Continues a text, character by character.";

        public override string Identity { get; }

        public override int Length { get; }

        public override int HeldOutRows { get; }

        public override void WriteRows(long first, Span<long> tokens, Span<long> targets)
        {
            for (int row = 0; row < tokens.Length / Length; row++)
            {
                ulong number = PuzzleSet.Mix(_seed) ^ PuzzleSet.Mix((ulong)(first + row));
                Write((int)(PuzzleSet.Mix(number) % (ulong)(_trained - Length)), row, tokens, targets);
            }
        }

        public override void WriteHeldOut(Span<long> tokens, Span<long> targets)
        {
            for (int row = 0; row < HeldOutRows; row++) Write(_trained + (row * Length), row, tokens, targets);
        }

        private void Write(int start, int row, Span<long> tokens, Span<long> targets)
        {
            for (int i = 0; i < Length; i++)
            {
                tokens[(row * Length) + i] = _ids[start + i];
                targets[(row * Length) + i] = _ids[start + i + 1];
            }
        }
    }
}
