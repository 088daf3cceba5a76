// Forms in which graphs can compute the same, on ONNX Runtime.
//   Coppice.GraphBench [part of a family's name] [threads] [seconds for each]
using System.Globalization;
using Coppice.GraphBench;

string filter = args.Length > 0 ? args[0] : "";
int threads = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : Environment.ProcessorCount;
double seconds = args.Length > 2 ? double.Parse(args[2], CultureInfo.InvariantCulture) : 0.5;
Console.WriteLine($"{threads} threads; median and best of {seconds} s each");
string family = "";
foreach (Piece piece in ConvolutionForms.All().Concat(OtherForms.All()))
{
    if (!piece.Family.Contains(filter, StringComparison.OrdinalIgnoreCase)) continue;
    if (piece.Family != family) Console.WriteLine(family = piece.Family);
    (double median, double best) = piece.Time(threads, seconds);
    string rate = piece.Operations > 0 ? $"{piece.Operations / median / 1e9,6:f0} GFLOP/s, best {piece.Operations / best / 1e9:f0}" : "";
    Console.WriteLine($"  {piece.Name,-60} {median * 1e3,8:f2} ms {rate}");
}
