namespace Coppice.Graphs;

/// <summary>What computes the operators of a graph. All but the CPU need a build of ONNX Runtime that has them, in place of the one that Coppice brings.</summary>
public enum ExecutionProvider
{
    /// <summary>The processor.</summary>
    Cpu,

    /// <summary>NVIDIA's CUDA.</summary>
    Cuda,

    /// <summary>NVIDIA's TensorRT.</summary>
    TensorRt,

    /// <summary>AMD's MIGraphX.</summary>
    MiGraphX,

    /// <summary>DirectML, on Windows.</summary>
    DirectMl,

    /// <summary>CoreML, on Apple's systems.</summary>
    CoreMl,

    /// <summary>Intel's OpenVINO.</summary>
    OpenVino,
}
