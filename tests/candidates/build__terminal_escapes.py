# expects: import: <script>alert(1)</script>
# entry: 50
# segment: DW
class DW(nn.Module):
    raise ValueError("\x1b]0;owned\x07\x1b[2J\r\n<script>alert(1)</script>\u202e=1+1")
