"""What every route needs: problems, the frame around each request, and the server that listens.

This room knows HTTP and no domain. Rooms above it raise `Problem`, read bodies with
`read_body`, and hand a factory to `serve`.
"""
